"""``/notifications/webhooks/``, within the names of ``notifications``."""

from django.urls import path

from approvals.notify.webhooks import views

urlpatterns = [
    path("<slug:receiver>/test/", views.test, name="webhook-test"),
    path("deliveries/<int:notification_id>/", views.again, name="webhook-again"),
]
