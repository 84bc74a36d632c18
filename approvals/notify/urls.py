"""``/notifications/``. Not below ``/approvals/``, where any word of eight letters may be a request's id."""

from django.urls import include, path

from approvals.notify import views

app_name = "notifications"
urlpatterns = [
    path("", views.preferences, name="preferences"),
    path("log/", views.log, name="log"),
    path("webhooks/", include("approvals.notify.webhooks.urls")),
]
