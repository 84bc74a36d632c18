"""The site map. Each room names its own pages."""

from django.urls import include, path
from django.views.generic import RedirectView

from approvals.notify.push.views import service_worker

urlpatterns = [
    path("", RedirectView.as_view(url="/approvals/", http_method_names=["get", "head"])),
    path("accounts/", include("accounts.sign_in.urls")),
    path("", include("accounts.urls")),
    path("approvals/", include("approvals.urls")),
    path("service-worker.js", service_worker, name="service-worker"),
    path("on-call/", include("approvals.on_call.urls")),
    path("notifications/browsers/", include("approvals.notify.push.urls")),
    path("notifications/absence/", include("approvals.absence.urls")),
    path("notifications/", include("approvals.notify.urls")),
    path("measures/", include("approvals.measures.urls")),
    path("incidents/<slug:chain>/timeline/", include("workers.timeline.urls")),
    path("incidents/", include("audit.urls")),
    path("search/", include("audit.search.urls")),
    path("evidence/exports/", include("audit.population.urls")),
    path("ledger/", include("audit.log.urls")),
    path("warrants/", include("warrants.revocation.urls")),
    path("warrants/", include("warrants.delegation.urls")),
    path("policies/", include("warrants.urls")),
    path("", include("warrants.minting.urls")),
    path("codec/", include("workers.codec_server.urls")),
    path("payloads/", include("workers.codec_server.readings.urls")),
    path("hooks/slack/", include("approvals.notify.slack.urls")),
    path("hooks/", include("workers.incident.alerts.urls")),
]
