"""``/notifications/browsers/``."""

from django.urls import path

from approvals.notify.push import views

app_name = "push"
urlpatterns = [
    path("", views.subscribe, name="subscribe"),
    path("<int:subscription_id>/removal/", views.remove, name="removal"),
]
