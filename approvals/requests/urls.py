from django.urls import path

from approvals.requests import views

urlpatterns = [
    path("", views.queue_page, name="queue"),
    path("roots/", views.roots, name="roots"),
    path("list/", views.queue_list, name="list"),
    path("backlog/", views.backlog, name="backlog"),
    path("<request_id:request_id>/", views.request_page, name="request"),
    path("<request_id:request_id>/card/", views.request_card, name="card"),
    path("<request_id:request_id>/progress/", views.request_progress, name="progress"),
]
