"""Addresses of live warrants and of what was taken back."""

from django.urls import path

from warrants.revocation import views

app_name = "warrants"
urlpatterns = [
    path("", views.warrants, name="warrants"),
    path("revocations/", views.revocations, name="revocations"),
    path("revocations/workers/", views.workers, name="workers"),
    path("revocations/resumption/", views.resumption, name="resumption"),
]
