"""How a request stands, in what may be told of it."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from approvals.contracts import DecisionKind
from approvals.models import ApprovalRequest, Decision
from approvals.notify.contracts import Deciding, Notice, NotificationEvent

# What a request is told about needs none of its content.
COLUMNS = (
    "state", "chain", "namespace", "tool", "agent", "service", "severity", "threshold", "expires_at", "warrant_chain",
)  # fmt: skip


def notice_of(request: ApprovalRequest, event: NotificationEvent, can_decide: tuple[str, ...]) -> Notice:
    """Return ``request`` as it is told: nothing that an agent said or a call holds."""
    decisions = Decision.objects.filter(approval_request=request, lapsed=False).order_by("pk")
    columns = ("kind", "display_name", "decided_at", "external_id")
    decided = tuple(Deciding(*values) for values in decisions.values_list(*columns))
    return Notice(
        event=event,
        request_id=request.pk,
        namespace=request.namespace,
        tool=request.tool,
        agent=request.agent,
        service=request.service,
        severity=request.severity,
        state=request.state,
        expires_at=request.expires_at,
        approvals_given=sum(one.kind == DecisionKind.APPROVE for one in decided),
        approvals_needed=request.threshold,
        decided=decided,
        can_decide=can_decide,
        url=f"{settings.SITE_ROOT}{reverse('approvals:request', args=[request.pk])}",
    )
