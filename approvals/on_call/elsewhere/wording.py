"""What is wrong with a schedule, in sentences that say what to do. None has an address or a secret."""

from __future__ import annotations

from approvals.on_call.elsewhere.contracts import Trouble

_SENTENCES = {
    Trouble.NOT_ALLOWED: "Its host has an address that is not allowed. See allow_private in docs/on-call.md.",
    Trouble.UNREACHABLE: "It cannot be reached: {detail}.",
    Trouble.UNANSWERED: "It does not answer in full: {detail}.",
    Trouble.MOVED: "It wants to be asked elsewhere ({detail}). Set its url to that address.",
    Trouble.REFUSED: "It refuses the token, or the secret in the address ({detail}). Set a new one, and restart.",
    Trouble.NOT_FOUND: "There is no such schedule or calendar ({detail}). Check its id or url.",
    Trouble.BUSY: "It asks to be left alone for a while ({detail}). It is asked again then.",
    Trouble.BROKEN: "It is in trouble ({detail}). It is asked again every minute.",
    Trouble.UNEXPECTED: "It answers {detail}, which does not say who is on call. Check its url and id.",
    Trouble.TOO_LARGE: "It sends more than {detail}. Name one that holds only this schedule.",
    Trouble.TOO_MANY: "It has more than {detail}. Name one that holds only this schedule.",
    Trouble.TOO_COSTLY: "Reading it takes too long. Look for an event that repeats without end, such as every second.",
    Trouble.NOT_UNDERSTOOD: "It does not send what was asked for: {detail}. Check its url and kind.",
    Trouble.NOT_NAMED: "ON_CALL_SCHEDULES does not name it any more. Name it there, or edit the rotation.",
}


def sentence(trouble: str, detail: str) -> str:
    """Return what is wrong, for people. ``detail`` may hold words of the other side."""
    return _SENTENCES[Trouble(trouble)].format(detail=detail)
