"""A notice as a mail: text and HTML, without pictures, colours or anything to fetch."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address
from django.template.loader import render_to_string
from django.utils import timezone

from approvals.agent_text import visible
from approvals.contracts import DecisionKind
from approvals.notify.contracts import Job, Notice, NotificationEvent

NAMES_SHOWN = 8
MAXIMUM_WORD = 80
NO_REPLY = (
    "Nobody reads replies, and a mail decides nothing: only a signature on the page does. Opening the page changes "
    "nothing."
)
_SENTENCES = {
    NotificationEvent.OPENED: "An agent’s call waits for a decision. You can decide it.",
    NotificationEvent.PROGRESS: "Somebody has decided; the call waits for more.",
    NotificationEvent.WAITING_AGAIN: (
        "An approval no longer counts: it was taken back, or its time is over. The call waits for more."
    ),
    NotificationEvent.STUCK: "Enough people have approved, and the call does not move. The page says why.",
    NotificationEvent.APPROVED: "Enough people have approved. Nothing is left to decide.",
    NotificationEvent.EXECUTED: "It is over: the call has run.",
    NotificationEvent.FAILED: "It is over: the call was approved, ran, and failed.",
    NotificationEvent.DENIED: "It is over: the call was denied and does not run.",
    NotificationEvent.EXPIRED: "It is over: nobody decided in time, and the call does not run.",
    NotificationEvent.WITHDRAWN: "It is over: the workflow no longer asks, and the call does not run.",
    NotificationEvent.SUPERSEDED: "It is over: the same call is asked about anew.",
}


def message(job: Job) -> EmailMultiAlternatives:
    """Return ``job`` as a mail without a connection. Raises ``ValueError`` if its address is none."""
    notice = job.notice
    host = urlsplit(settings.SITE_ROOT).hostname or "localhost"
    is_first = job.thread == job.id
    first = f"<notification-{job.thread}@{host}>"
    headers = {
        "Message-ID": f"<notification-{job.id}@{host}>",
        "List-Id": f"Countersign approvals <approvals.{host}>",
        "List-Unsubscribe": f"<{settings.SITE_ROOT}/notifications/>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Precedence": "bulk",
        **({} if is_first else {"In-Reply-To": first, "References": first}),
    }
    facts = list(_facts(notice))
    context = {"sentence": _SENTENCES[notice.event], "facts": facts, "url": notice.url, "closing": NO_REPLY}
    lines = [context["sentence"], "", *(f"{name}: {value}" for name, value in facts), "", notice.url, "", NO_REPLY, ""]
    made = EmailMultiAlternatives(
        subject=("" if is_first else "Re: ") + _subject(notice),
        body="\n".join(map(str, lines)),
        to=[sanitize_address(job.address, settings.DEFAULT_CHARSET)],
        headers=headers,
    )
    made.attach_alternative(render_to_string("approvals/notify/mail.html", context), "text/html")
    return made


def _subject(notice: Notice) -> str:
    # The same in every mail about a request: mail programs thread by it.
    parts = ["Approval asked:", _word(notice.tool)]
    parts += ["for", _word(notice.service)] if notice.service else []
    parts += [f"({_word(notice.severity)})"] if notice.severity else []
    return " ".join(" ".join(parts).split())


def _facts(notice: Notice) -> list[tuple[str, str]]:
    names = ", ".join(_word(name) for name in notice.can_decide[:NAMES_SHOWN])
    more = len(notice.can_decide) - NAMES_SHOWN
    rows = [
        ("Call", _word(notice.tool)),
        ("Agent", _word(notice.agent)),
        ("Service", _word(notice.service)),
        ("Severity", _word(notice.severity)),
        ("Namespace", _word(notice.namespace)),
        ("Approvals", f"{notice.approvals_given} of {notice.approvals_needed}"),
        *((_VERBS[DecisionKind(one.kind)], f"{_word(one.person)}, {_clock(one.at)}") for one in notice.decided),
        ("Time", _time_left(notice.expires_at) if notice.can_decide else ""),
        ("Who can decide", f"{names} and {more} more" if more > 0 else names),
    ]
    return [(name, value) for name, value in rows if value]


_VERBS = {DecisionKind.APPROVE: "Approved by", DecisionKind.DENY: "Denied by"}


def _time_left(until: datetime) -> str:
    minutes = int((until - timezone.now()).total_seconds() // 60)
    left = "less than a minute" if minutes < 1 else "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"until {_clock(until)}, {left} from now"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M} UTC"


def _word(text: str) -> str:
    """Return a text that may be an agent's on one line, with what hides in it made visible."""
    shown = " ".join(visible(text).split())
    return shown if len(shown) <= MAXIMUM_WORD else f"{shown[: MAXIMUM_WORD - 1]}…"
