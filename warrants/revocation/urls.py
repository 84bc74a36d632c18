"""Addresses of live warrants, of what was taken back, and of who signs."""

from django.urls import path

from warrants.issuers.views import issuers
from warrants.revocation import views

app_name = "warrants"
urlpatterns = [
    path("", views.warrants, name="warrants"),
    path("issuers/", issuers, name="issuers"),
    path("revocations/", views.revocations, name="revocations"),
    path("revocations/workers/", views.workers, name="workers"),
    path("revocations/resumption/", views.resumption, name="resumption"),
]
