"""``/notifications/absence/``."""

from django.urls import path

from approvals.absence import views

app_name = "absence"
urlpatterns = [
    path("", views.absence, name="absence"),
    path("<int:absence_id>/end/", views.end, name="end"),
]
