"""What a version would have made of the calls of the last days: read, and asked of Tenuo once more."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from audit.access import Reach
from audit.receipts.queries import RecordedCall, read, recorded_calls
from warrants.errors import InvalidIncident
from warrants.models import Warrant
from warrants.policies.rules import Policy
from warrants.simulation.contracts import Outcome
from warrants.simulation.trial import LIFETIME_SECONDS, Trial

LONGEST_DAYS = 90
MAXIMUM_CALLS = 10_000
MAXIMUM_SECONDS = LIFETIME_SECONDS / 2  # no trial's warrant expires on the way
# Refusals that a policy's text decides. Others are of their moment: an expired warrant, a proof that aged in a queue.
OF_THE_POLICY = frozenset({"tool_not_allowed", "constraint_violation", "authorization_failed"})


@dataclass(frozen=True, slots=True)
class Change:
    """A call that would have ended otherwise. ``arguments`` is None for whoever may not see them."""

    at: datetime
    chain: str
    incident: str
    tool: str
    was: Outcome
    would_be: Outcome
    arguments: dict[str, Any] | None


@dataclass(slots=True)
class Replay:
    """``looked_at`` of the ``recorded`` decisions were read, newest first; ``older`` is where to go on, or None.

    Of them, ``compared`` are calls; ``closed`` could not be looked at, because what they said was erased, or does not
    open; ``repeated`` were the same call once more, and ``elsewhere`` refused for what no policy says.
    """

    recorded: int
    looked_at: int = 0
    compared: int = 0
    closed: int = 0
    repeated: int = 0
    elsewhere: int = 0
    older: int | None = None
    seconds: float = 0.0
    outcomes: Counter[tuple[Outcome, Outcome]] = field(default_factory=Counter)
    tools: Counter[tuple[str, Outcome, Outcome]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    def count(self, *, was: Outcome, would_be: Outcome) -> int:
        return self.outcomes[was, would_be]

    @property
    def changed(self) -> int:
        return sum(count for (was, would_be), count in self.outcomes.items() if was is not would_be)

    @property
    def by_tool(self) -> list[tuple[str, Outcome, Outcome, int]]:
        """How many calls of each tool would have ended otherwise, and how, the most first."""
        return [(*key, count) for key, count in self.tools.most_common()]

    @property
    def sentence(self) -> str:
        """What would have been otherwise, in one sentence."""
        if not self.compared:
            return "There is nothing to compare."
        allowed, gated, denied = Outcome.ALLOWED, Outcome.GATED, Outcome.DENIED
        parts = {
            "gated {} that ran unasked": self.count(was=allowed, would_be=gated),
            "un-gated {}": self.count(was=gated, would_be=allowed),
            "refused {} that ran unasked": self.count(was=allowed, would_be=denied),
            "refused {} that people were asked about": self.count(was=gated, would_be=denied),
            "let {} run that were refused": self.count(was=denied, would_be=allowed),
            "gated {} that were refused": self.count(was=denied, would_be=gated),
        }
        said = [words.format(count) for words, count in parts.items() if count]
        if not said:
            return f"It would have decided all {self.compared} as they were decided."
        return f"It would have {', '.join(said[:-1])}{' and ' if said[1:] else ''}{said[-1]}, of {self.compared}."


def replay(
    policy: Policy,
    *,
    days: int,
    within: Reach,
    content: Reach | None,
    every_policy: bool = False,
    before: int | None = None,
    calls: int = MAXIMUM_CALLS,
    seconds: float = MAXIMUM_SECONDS,
) -> Replay:
    """Return what ``policy`` would have made of the newest ``calls`` calls of the last ``days`` days.

    They are those under policies of its name, or under every policy, of the namespaces ``within``; their arguments are
    for those who may see ``content``. It ends after ``seconds``, which are ``MAXIMUM_SECONDS`` at most.
    """
    begun = time.monotonic()
    since = timezone.now() - timedelta(days=days)
    warrants = Warrant.objects.filter(expires_at__gte=since)
    if not every_policy:
        warrants = warrants.filter(policy_name=policy.name)
    since_ms = int(since.timestamp() * 1000)
    found = recorded_calls(warrants.values("id"), within=within, since_ms=since_ms, before=before)
    done = Replay(recorded=found.count())
    minted = warrants.only("incident_id", "severity", "service", "namespace").in_bulk()
    trials = _Trials(policy)
    for call in read(found, limit=calls):
        done.looked_at += 1
        done.older = call.number
        _compare(done, call, minted[call.chain], trials, content)
        if time.monotonic() - begun > min(seconds, MAXIMUM_SECONDS):
            break
    if done.looked_at == done.recorded:
        done.older = None
    done.seconds = time.monotonic() - begun
    return done


class _Trials:
    """One trial for each severity, service and namespace that calls were made for."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._made: dict[tuple[str, str, str], Trial | None] = {}

    def outcome(self, call: RecordedCall, warrant: Warrant) -> Outcome:
        key = (warrant.severity, warrant.service, warrant.namespace)
        if key not in self._made:
            self._made[key] = self._trial(*key)
        trial = self._made[key]
        if trial is None:
            return Outcome.DENIED
        return trial.decide(call.tool, call.arguments or {}).outcome

    def _trial(self, severity: str, service: str, namespace: str) -> Trial | None:
        try:
            return Trial(self._policy, severity=severity, service=service, namespace=namespace)
        except InvalidIncident:
            return None  # for such an incident nothing would be minted


def _compare(done: Replay, call: RecordedCall, warrant: Warrant, trials: _Trials, content: Reach | None) -> None:
    was = Outcome(call.verdict)
    # What came with approvals, and what Temporal tried again, is a call that was counted when it first came.
    if call.approvals or call.attempt > 1:
        done.repeated += 1
    elif call.arguments is None or not call.tool:
        done.closed += 1
    elif was is Outcome.DENIED and call.code not in OF_THE_POLICY:
        done.elsewhere += 1
    else:
        would_be = trials.outcome(call, warrant)
        done.compared += 1
        done.outcomes[was, would_be] += 1
        if was is not would_be:
            done.tools[call.tool, was, would_be] += 1
            done.changes.append(_change(call, warrant, was, would_be, content))


def _change(call: RecordedCall, warrant: Warrant, was: Outcome, would_be: Outcome, content: Reach | None) -> Change:
    may_see = content is not None and (content.everywhere or call.namespace in content.namespaces)
    return Change(
        at=datetime.fromtimestamp(call.at_ms / 1000, UTC),
        chain=call.chain,
        incident=warrant.incident_id,
        tool=call.tool,
        was=was,
        would_be=would_be,
        arguments=call.arguments if may_see else None,
    )
