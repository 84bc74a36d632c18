"""``/approvals/``: the queue, a request, its decision, taking an approval back, and who is at it."""

from django.urls import include, path, register_converter

from approvals.requests.identifiers import RequestIdConverter

register_converter(RequestIdConverter, "request_id")

app_name = "approvals"
urlpatterns = [
    path("", include("approvals.requests.urls")),
    path("", include("approvals.decisions.urls")),
    path("", include("approvals.retractions.urls")),
    path("", include("approvals.looking.urls")),
    path("", include("approvals.claims.urls")),
]
