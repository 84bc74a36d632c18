"""A notice as a Slack message, within Block Kit's limits.

What an agent, a person or a policy called itself stands between backticks, in ``mrkdwn`` that links nothing by itself:
there it mentions nobody, links nowhere and formats nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from approvals.agent_text import visible
from approvals.contracts import DecisionKind
from approvals.notify.contracts import Deciding, Notice, NotificationEvent

MAXIMUM_WORD = 80
NAMES_SHOWN = 8
DECISIONS_SHOWN = 10
_DECIDES_NOTHING = "Only a signature on the page decides. Nothing in Slack does."
_HEADERS = {
    NotificationEvent.OPENED: "Approval asked",
    NotificationEvent.PROGRESS: "Approval asked: {given} of {needed}",
    NotificationEvent.WAITING_AGAIN: "Approval asked: {given} of {needed}",
    NotificationEvent.STUCK: "Approved, and stuck",
    NotificationEvent.APPROVED: "Approved",
    NotificationEvent.EXECUTED: "Approved, and it has run",
    NotificationEvent.FAILED: "Approved, and it failed",
    NotificationEvent.DENIED: "Denied",
    NotificationEvent.EXPIRED: "Expired: nobody decided in time",
    NotificationEvent.WITHDRAWN: "Withdrawn: the workflow no longer asks",
    NotificationEvent.SUPERSEDED: "Asked anew, in another request",
}
_MILESTONES = {
    NotificationEvent.PROGRESS: "{given} of {needed} have approved. {last}",
    NotificationEvent.WAITING_AGAIN: (
        "An approval no longer counts: it was taken back, or its time is over. {given} of {needed} have approved."
    ),
    NotificationEvent.STUCK: "Enough people have approved, and the call does not move. The page says why.",
    NotificationEvent.APPROVED: "Enough people have approved: nothing is left to decide. {last}",
    NotificationEvent.EXECUTED: "It is over: the call was approved and has run. {last}",
    NotificationEvent.FAILED: "It is over: the call was approved, ran, and failed. {last}",
    NotificationEvent.DENIED: "It is over: the call was denied and does not run. {last}",
    NotificationEvent.EXPIRED: "It is over: nobody decided in time, and the call does not run.",
    NotificationEvent.WITHDRAWN: "It is over: the workflow no longer asks, and the call does not run.",
    NotificationEvent.SUPERSEDED: "It is over: the same call is asked about anew.",
}
_VERBS = {DecisionKind.APPROVE: "Approved by", DecisionKind.DENY: "Denied by"}
# Nothing of a message makes Slack fetch, link or mention.
QUIETLY: dict[str, Any] = {"parse": "none", "link_names": False}
UNFURLS_NOTHING: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}


def message(notice: Notice) -> dict[str, Any]:
    """Return ``text`` (what a phone's lock screen shows) and ``blocks`` that tell how a request stands."""
    return {"text": _summary(notice), "blocks": [_header(notice), *facts(notice), _button(notice), _context()]}


def milestone(notice: Notice) -> str:
    """Return what is new, for the thread under the message."""
    last = _decision(notice.decided[-1]) + "." if notice.decided else ""
    return _MILESTONES[notice.event].format(**_counts(notice), last=last).strip()


def preview(notice: Notice) -> dict[str, Any]:
    """Return what a link to a request shows."""
    return {"blocks": [section(f"*{_title(notice)}*"), *facts(notice)]}


def empty_preview() -> dict[str, Any]:
    """Return what any link of ours shows where nothing may be told of it."""
    return {"blocks": [section("A request for approval in Countersign. Whoever may see it sees it on its page.")]}


def waiting(notices: list[Notice], more: int) -> dict[str, Any]:
    """Return the answer to ``/countersign``: what waits for somebody, and how much more."""
    if not notices:
        return ephemeral("Nothing waits for you.")
    lines = [section(_summary(notice), accessory=_open(notice)) for notice in notices]
    rest = [section(f"{more} more: the queue in Countersign shows all.")] if more else []
    return {**ephemeral(f"{len(notices) + more} waiting for you."), "blocks": [*lines, *rest, _context()]}


def ephemeral(text: str) -> dict[str, Any]:
    """Return an answer that only whoever asked sees."""
    return {"response_type": "ephemeral", "text": text}


def facts(notice: Notice) -> list[dict[str, Any]]:
    """Return the blocks of what may be told of a request."""
    fields = [
        ("Call", code(notice.tool)),
        ("Agent", code(notice.agent)),
        ("Service", code(notice.service)),
        ("Severity", code(notice.severity)),
        ("Namespace", code(notice.namespace)),
        ("Approvals", f"{notice.approvals_given} of {notice.approvals_needed}"),
    ]
    shown = [_text(f"*{name}*\n{value}") for name, value in fields if value]
    lines = [_decision(one) for one in notice.decided[-DECISIONS_SHOWN:]]
    if notice.can_decide:
        lines += [f"*Who can decide* {_names(notice.can_decide)}", f"*Time* {_time_left(notice.expires_at)}"]
    return [{"type": "section", "fields": shown}, *([section("\n".join(lines))] if lines else [])]


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": _text(text), **more}


def code(text: str) -> str:
    """Return a text of others on one line between backticks, with what hides in it made visible; or nothing."""
    shown = " ".join(visible(text).split()).replace("`", "ˋ")
    cut = shown if len(shown) <= MAXIMUM_WORD else f"{shown[: MAXIMUM_WORD - 1]}…"
    return f"`{_escaped(cut)}`" if cut else ""


def _escaped(text: str) -> str:
    # Slack's three control characters, and no others: https://docs.slack.dev/messaging/formatting-message-text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _header(notice: Notice) -> dict[str, Any]:
    return {"type": "header", "text": _plain(_title(notice))}


def _title(notice: Notice) -> str:
    return _HEADERS[notice.event].format(**_counts(notice))


def _button(notice: Notice) -> dict[str, Any]:
    return {"type": "actions", "elements": [_open(notice)]}


def _open(notice: Notice) -> dict[str, Any]:
    return {"type": "button", "action_id": "open", "text": _plain("Open the request"), "url": notice.url}


def _context() -> dict[str, Any]:
    return {"type": "context", "elements": [_text(_DECIDES_NOTHING)]}


def _counts(notice: Notice) -> dict[str, int]:
    return {"given": notice.approvals_given, "needed": notice.approvals_needed}


def _summary(notice: Notice) -> str:
    parts = [f"{_title(notice)}:", code(notice.tool)]
    parts += ["for", code(notice.service)] if notice.service else []
    parts += [f"({code(notice.severity)})"] if notice.severity else []
    return " ".join(parts)


def _decision(one: Deciding) -> str:
    return f"*{_VERBS[DecisionKind(one.kind)]}* {code(one.person)} at {_clock(one.at)}"


def _names(names: tuple[str, ...]) -> str:
    shown, more = ", ".join(map(code, names[:NAMES_SHOWN])), len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _time_left(until: datetime) -> str:
    minutes = int((until - datetime.now(UTC)).total_seconds() // 60)
    left = "less than a minute" if minutes < 1 else "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"until {_clock(until)}, {left} from when this was written"


def _clock(at: datetime) -> str:
    """Return a time that Slack shows by the reader's own clock."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at:%H:%M} UTC>"
