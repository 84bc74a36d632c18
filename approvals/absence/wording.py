"""Who is told in whose place, in words."""

from __future__ import annotations

from approvals.absence.queries import Call, Passed


def told_as(call: Call) -> str:
    """Return who is told, and for whom: "Grace (stands in for Ada)"; empty if nobody is."""
    if call.told is None:
        return ""
    return f"{call.told} ({stands_in(call)})" if call.passed else str(call.told)


def left_out(call: Call) -> str:
    """Return who is told by nobody in their place: "nobody: Ada is away until ..."."""
    return f"nobody: {'; '.join(f'{one.person} {why_away(one)}' for one in call.passed)}"


def stands_in(call: Call) -> str:
    return f"stands in for {' and '.join(str(one.person) for one in call.passed)}"


def why_away(one: Passed) -> str:
    """Return why somebody is not told: "is away until Thu 3 Dec, 09:00 CET; Grace stands in"."""
    return (
        f"is away until {one.until:%a} {one.until.day} {one.until:%b, %H:%M %Z}; {one.stand_in or 'nobody'} stands in"
    )
