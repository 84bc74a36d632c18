"""What must hold when everything is up again, whoever was killed. ``judge`` returns what does not.

lost            a decision that the site acknowledged and does not have; or a call whose run did not hear what people
                decided, or did not act on it
doubled         a call that ran by way of two dispatches; or an attempt that was followed by another one of the same
                dispatch, though neither its worker nor the Temporal server was killed in between. (An attempt that was
                cut off by a kill is run again: activities run at least once, that is Temporal's contract, and an
                approval stays good for the dispatch that used it. These are counted apart, as "run again".)
without quorum  a body that began with fewer valid signatures of different people, for its own request and call, than
                the call needs; or although people denied it
stuck           a run, request or delivery that is still open when nothing has moved for two minutes after the last kill
evidence        an incident whose exported receipts do not verify
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from approvals.contracts import APPROVAL_DENIED, DecisionKind, RequestState
from approvals.signing import approval
from audit.statements.statements import MalformedStatement
from chaos import effects
from chaos.agents import DONE
from chaos.effects import Line
from chaos.plan import Call, Plan
from chaos.processes import Death

NAMES = ("lost", "doubled", "without quorum", "stuck", "evidence")


@dataclass(frozen=True)
class Found:
    """A request as the application has it. ``decided`` are the people whose decisions it holds, by what they said."""

    request_id: str
    call: str
    state: str
    request_hash: bytes
    decided: Mapping[str, str]
    is_delivered: bool


@dataclass
class Facts:
    """All that was observed. ``results`` are the runs' own words by call, ``people`` the owners of keys."""

    plan: Plan
    results: Mapping[str, str]
    requests: Sequence[Found]
    bodies: Sequence[Line]
    deaths: Sequence[Death]
    acknowledged: Mapping[str, Mapping[str, DecisionKind]]
    people: Mapping[bytes, str]
    unverified: Sequence[str] = ()


@dataclass
class Verdict:
    """The violations by name, each as a sentence; ``again`` counts attempts that followed one that a kill cut off."""

    violations: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in NAMES})
    again: int = 0

    @property
    def is_good(self) -> bool:
        return not any(self.violations.values())


def judge(facts: Facts) -> Verdict:
    verdict = Verdict()
    verdict.violations["lost"] += [*_unacknowledged(facts), *_unheard(facts)]
    verdict.violations["without quorum"] += _without_quorum(facts)
    verdict.violations["stuck"] += _stuck(facts)
    verdict.violations["evidence"] += facts.unverified
    verdict.again, doubled = _doubled(facts)
    verdict.violations["doubled"] += doubled
    return verdict


def _unacknowledged(facts: Facts) -> Iterable[str]:
    decided = {found.request_id: found.decided for found in facts.requests}
    for person, acknowledged in facts.acknowledged.items():
        for request_id, kind in acknowledged.items():
            if decided.get(request_id, {}).get(person) != kind:
                yield f"The site acknowledged that {person} wants to {kind} {request_id}, and does not know of it."


def _unheard(facts: Facts) -> Iterable[str]:
    states = {found.call: found.state for found in facts.requests}
    ended = {line.call for line in facts.bodies if line.what == effects.ENDED}
    for call in facts.plan.calls.values():
        result = facts.results.get(call.name)
        if result is None:
            if states.get(call.name) in (RequestState.APPROVED, RequestState.DENIED):
                yield f"{call.name}: people decided, and its run never heard of it."
            continue  # otherwise stuck, which is said there
        expected, state = _expected(call)
        if result != expected or states.get(call.name) != state or (call.name in ended) == call.is_denied:
            yield (
                f"{call.name}: people decided on {expected}; its run says {result}, its request "
                f"{states.get(call.name)}, and its body {'ended' if call.name in ended else 'did not end'}."
            )


def _expected(call: Call) -> tuple[str, RequestState]:
    return (APPROVAL_DENIED, RequestState.DENIED) if call.is_denied else (DONE, RequestState.EXECUTED)


def _doubled(facts: Facts) -> tuple[int, list[str]]:
    again, doubled = 0, []
    begun: dict[str, list[Line]] = defaultdict(list)
    for line in facts.bodies:
        if line.what == effects.BEGAN:
            begun[line.call].append(line)
    for call, lines in begun.items():
        if len({line.dispatch for line in lines}) > 1:
            doubled.append(f"{call} ran by way of {len({line.dispatch for line in lines})} dispatches.")
            continue
        for earlier, later in pairwise(lines):
            again += 1
            if not any(_cut_off(death, earlier, later) for death in facts.deaths):
                doubled.append(f"{call} ran again (attempt {later.attempt}) although nobody had been killed.")
    return again, doubled


def _cut_off(death: Death, earlier: Line, later: Line) -> bool:
    is_its_own = death.pid == earlier.pid or death.target == "temporal"
    return is_its_own and earlier.at <= death.at + 1 and death.at <= later.at


def _without_quorum(facts: Facts) -> Iterable[str]:
    requests = {found.request_id: found for found in facts.requests}
    for line in facts.bodies:
        call, found = facts.plan.calls[line.call], requests.get(line.request_id)
        people = {_who(text, found, facts.people) for text in line.approvals} - {""} if found else set()
        if call.is_denied:
            yield f"{call.name} ran although it was denied."
        elif found is None or found.call != call.name or len(people) < call.quorum:
            yield f"{call.name} ran with the approvals of {sorted(people)}; it needs {call.quorum}."


def _who(text: str, found: Found, people: Mapping[bytes, str]) -> str:
    """Return whose valid approval of this very request it is, or nothing."""
    try:
        signed = approval.parse(base64.b64decode(text))
        signed.verify()
    except MalformedStatement:
        return ""
    is_for_it = signed.terms.binding.request_id == found.request_id and signed.terms.request_hash == found.request_hash
    return people.get(signed.approver_key, "") if is_for_it else ""


def _stuck(facts: Facts) -> Iterable[str]:
    for call in facts.plan.calls:
        if call not in facts.results:
            yield f"The run of {call} has not closed."
    for found in facts.requests:
        if not RequestState(found.state).is_final:
            yield f"The request {found.request_id} of {found.call} is still {found.state}."
        if not found.is_delivered:
            yield f"The decision on {found.call} is still in the outbox."
