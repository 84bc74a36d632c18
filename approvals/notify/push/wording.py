"""A notice as a push message. A lock screen shows it to whoever passes by, so it holds less than a mail."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils import timezone

from approvals.agent_text import visible
from approvals.notify.contracts import Notice, NotificationEvent
from approvals.requests import urgency

MAXIMUM_WORD = 80
# What is over replaces what a phone that was off still shows.
KEPT_WHEN_OVER = 24 * 3600
_MOST_URGENT = 0
_TITLES = {
    NotificationEvent.OPENED: "Decide",
    NotificationEvent.PROGRESS: "Decide",
    NotificationEvent.WAITING_AGAIN: "Decide",
    NotificationEvent.STUCK: "Approved, and stuck",
    NotificationEvent.APPROVED: "Approved",
    NotificationEvent.EXECUTED: "Over, it has run",
    NotificationEvent.FAILED: "Over, it ran and failed",
    NotificationEvent.DENIED: "Over, denied",
    NotificationEvent.EXPIRED: "Over, nobody decided in time",
    NotificationEvent.WITHDRAWN: "Over, withdrawn",
    NotificationEvent.SUPERSEDED: "Over, asked about anew",
}


@dataclass(frozen=True, slots=True)
class PushMessage:
    """``body`` is what the browser decrypts; the rest its push service reads. ``ttl``: seconds it keeps it."""

    body: bytes
    topic: str
    ttl: int
    urgency: str


def message(notice: Notice) -> PushMessage:
    """Return ``notice`` as the service worker takes it: title, body, tag, path, whether it is over and urgent."""
    left = max(int((notice.expires_at - timezone.now()).total_seconds()), 0)
    is_over = notice.event.ends_waiting
    is_critical = urgency.rank(notice.severity) == _MOST_URGENT
    shown = {
        "title": f"{_TITLES[notice.event]}: {_word(notice.tool)}",
        "body": _body(notice, left),
        "tag": notice.request_id,
        "path": urlsplit(notice.url).path,
        "over": is_over,
        "urgent": is_critical and not is_over,
    }
    return PushMessage(
        body=json.dumps(shown, ensure_ascii=False).encode(),
        topic=_topic(notice.request_id),
        ttl=KEPT_WHEN_OVER if is_over else left,
        urgency="high" if is_critical else "normal",
    )


def _body(notice: Notice, left: int) -> str:
    waits = notice.event.is_while_open
    many = notice.approvals_needed > 1
    parts = [
        _word(notice.severity),
        _word(notice.agent),
        _time_left(left) if waits else "",
        f"{notice.approvals_given} of {notice.approvals_needed} approved" if waits and many else "",
    ]
    return " · ".join(part for part in parts if part)


def _time_left(seconds: int) -> str:
    minutes = seconds // 60
    return "less than a minute left" if minutes < 1 else f"{minutes} minute{'' if minutes == 1 else 's'} left"


def _topic(request_id: str) -> str:
    # At most 32 characters of base64url (RFC 8030), so that a newer message takes an undelivered one's place.
    return urlsafe_b64encode(hashlib.sha256(request_id.encode()).digest()[:24]).decode()


def _word(text: str) -> str:
    """Return a text that may be an agent's on one line, with what hides in it made visible."""
    shown = " ".join(visible(text).split())
    return shown if len(shown) <= MAXIMUM_WORD else f"{shown[: MAXIMUM_WORD - 1]}…"
