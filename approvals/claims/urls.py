from django.urls import path

from approvals.claims import views

urlpatterns = [
    path("<request_id:request_id>/claim/", views.claim, name="claim"),
    path("<request_id:request_id>/claim/release/", views.release, name="release"),
]
