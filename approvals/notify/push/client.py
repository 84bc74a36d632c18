"""One message to one push service, and what that answers. Never raises for what the other side does."""

from __future__ import annotations

from collections.abc import Mapping

from approvals.notify import outgoing
from approvals.notify.contracts import Answer, Result
from approvals.notify.outgoing import Heard, NotAllowed, Unanswered, Unreachable
from approvals.notify.push.settings import Target

_TAKEN = (200, 201, 202)
_GONE = (404, 410)
GONE = "its push service no longer knows it, so it is told no more"


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send ``body`` to a public address, or to the push service on this machine that the settings name."""
    try:
        heard = outgoing.post(target.url, body, headers, allow_private=target.is_own_machine)
    except NotAllowed:
        return Answer(Result.TEMPORARY, "cannot be reached: its push service has no public address")
    except Unreachable as error:
        return Answer(Result.TEMPORARY, f"cannot be reached: {error}")
    except Unanswered as error:
        return Answer(Result.UNANSWERED, f"did not say whether it took it: {error}")
    return _answer(heard)


def is_gone(answer: Answer) -> bool:
    return answer.text == GONE


def _answer(heard: Heard) -> Answer:
    if heard.status in _TAKEN:
        return Answer(Result.SENT, f"taken ({heard.status})")
    if heard.status in _GONE:
        return Answer(Result.PERMANENT, GONE)
    if heard.status == 429:
        said = "wants to be asked less often (429)"
        return Answer(Result.TEMPORARY, said, retry_after=heard.asked_seconds)
    if heard.status >= 500:
        return Answer(Result.TEMPORARY, f"is in trouble ({heard.status})", retry_after=heard.asked_seconds)
    return Answer(Result.PERMANENT, f"refused it ({heard.status})")
