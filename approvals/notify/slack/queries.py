"""What a preview and ``/countersign`` show. Read only."""

from __future__ import annotations

import re

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.endorsements.queries import endorsed_keys
from accounts.models import Person
from approvals.contracts import RequestState
from approvals.models import ApprovalRequest
from approvals.notify.audience import audience
from approvals.notify.contracts import Notice, NotificationEvent
from approvals.notify.notices import COLUMNS, notice_of
from approvals.notify.slack.settings import slack_channel
from approvals.requests.chain import parse
from approvals.requests.identifiers import is_request_id

LISTED = 10
LOOKED_AT = 50


def linked_request(url: str) -> str | None:
    """Return the id in a link to a request of ours; None for any other address."""
    found = re.fullmatch(re.escape(settings.SITE_ROOT + reverse("approvals:queue")) + r"([^/?#]+)/?(?:[?#].*)?", url)
    return found[1] if found and is_request_id(found[1]) else None


def previewed(request_id: str, channel: str) -> Notice | None:
    """Return what may be told of a request in a Slack channel: only where its messages go, or else nothing."""
    found = ApprovalRequest.objects.only(*COLUMNS).filter(pk=request_id).first()
    if found is None:
        return None
    told = slack_channel(found.namespace, parse(found.warrant_chain).terms.policy)
    return _as_it_stands(found) if told and told == channel else None


def waiting_for(person: Person) -> tuple[list[Notice], int]:
    """Return at most ``LISTED`` requests that ``person`` can decide now, the most urgent first, and how many more."""
    keys = endorsed_keys().filter(person=person).values_list("public_key", flat=True)
    asked = ApprovalRequest.objects.filter(
        state=RequestState.OPEN,
        expires_at__gt=timezone.now(),
        required_approvers__public_key__in=[bytes(key) for key in keys],
    )
    rows = asked.only(*COLUMNS).distinct().order_by("urgency", "expires_at", "id")[:LOOKED_AT]
    able = [row for row in rows if person in audience(row)]
    return [_as_it_stands(row) for row in able[:LISTED]], max(len(able) - LISTED, 0)


def _as_it_stands(row: ApprovalRequest) -> Notice:
    is_open = row.state == RequestState.OPEN
    if is_open and row.expires_at <= timezone.now():
        return notice_of(row, NotificationEvent.EXPIRED, ())
    able = tuple(person.display_name for person in audience(row)) if is_open else ()
    return notice_of(row, NotificationEvent.OPENED if is_open else NotificationEvent(row.state), able)
