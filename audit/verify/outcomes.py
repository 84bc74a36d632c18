"""Step 12: what is said of how things ended."""

from __future__ import annotations

from audit.verify.case import Case, Request, Standing
from audit.verify.people import CLOCK_TOLERANCE
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require

_EXECUTED = "executed"


def check_result(entry: Entry, case: Case) -> str:
    """A result belongs to a request of this chain; that it ran is checked when all entries are read."""
    details = entry.details.for_step(Step.OUTCOME)
    request = _request(entry, case)
    tool, status = details.text("tool"), details.text("status")
    require(tool == request.tool, Step.OUTCOME, f"The result is of {tool!r}, but the request was for {request.tool!r}.")
    denied = request.standing is Standing.DENIED
    require(not denied, Step.OUTCOME, "A result is recorded of a call that a person denied.")
    if status == _EXECUTED:
        case.executed[details.text("request_id")] = entry.line
    return f"the workflow reported {status}"


def check_expired(entry: Entry, case: Case) -> str:
    """Silence is recorded only when the time was up."""
    request = _close(entry, case, Standing.EXPIRED)
    expires_at = entry.details.for_step(Step.OUTCOME).integer("expires_at")
    require(expires_at == request.expires_at, Step.OUTCOME, "The request expired at another time than it said.")
    due = entry.at_ms // 1000 >= expires_at - CLOCK_TOLERANCE
    require(due, Step.OUTCOME, "The request is recorded as expired before its time was up.")
    return "nobody decided in time"


def check_withdrawn(entry: Entry, case: Case) -> str:
    _close(entry, case, Standing.WITHDRAWN)
    entry.details.for_step(Step.OUTCOME).text("reason")
    return "withdrawn in nobody's name"


def check_superseded(entry: Entry, case: Case) -> str:
    """Who asks again asks about the same call of the same workflow."""
    request = _close(entry, case, Standing.SUPERSEDED)
    details = entry.details.for_step(Step.OUTCOME)
    details.text("reason")
    again = case.requests.get(details.text("by"))
    require(again is not None and again is not request, Step.OUTCOME, "The request that takes over was not opened.")
    same = again is not None and _call_of(again) == _call_of(request)
    require(same, Step.OUTCOME, "The request that takes over is about another call.")
    return f"asked again in nobody's name, as {details.text('by')}"


def check_completed(entry: Entry, case: Case) -> str:
    details = entry.details.for_step(Step.OUTCOME)
    case.run_status = details.text("status")
    return f"the run {case.run_status}"


def unbacked_executions(case: Case) -> list[tuple[int, Refused]]:
    """Return the lines of results of calls that no receipt allowed: nothing executes without one."""
    sentence = "The call is said to have run, but no receipt here allowed it."
    return [
        (line, Refused(Step.OUTCOME, sentence))
        for request_id, line in case.executed.items()
        if request_id not in case.ran
    ]


def _call_of(request: Request) -> tuple[str, str, bytes]:
    return request.address.namespace, request.address.workflow_id, request.request_hash


def _close(entry: Entry, case: Case, standing: Standing) -> Request:
    # A person's denial stands, whatever the workflow reports afterwards.
    request = _request(entry, case)
    if request.standing is Standing.OPEN:
        request.standing = standing
    return request


def _request(entry: Entry, case: Case) -> Request:
    request = case.requests.get(entry.details.for_step(Step.OUTCOME).text("request_id"))
    if request is None:
        raise Refused(Step.OUTCOME, "The entry is about a request that was not opened before it.")
    return request
