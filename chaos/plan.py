"""What will be asked, what people will say, and who will be killed when. A seed gives the same plan every time.

How the plan falls together with what the processes do at that moment is the machine's business, and differs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from approvals.contracts import DecisionKind

PEOPLE = ("ada", "grace", "barbara")
TARGETS = ("web", "relay", "approvals worker", "agents' worker", "temporal")
_APPROVE, _DENY = DecisionKind.APPROVE, DecisionKind.DENY


@dataclass(frozen=True)
class Call:
    """One gated call. ``decisions`` is what each person says who decides about it."""

    name: str
    quorum: int
    decisions: Mapping[str, DecisionKind]

    @property
    def is_denied(self) -> bool:
        return _DENY in self.decisions.values()


@dataclass(frozen=True)
class Case:
    """One run of an agent, whose calls are made at once. ``begins_after`` is seconds after the start."""

    name: str
    quorum: int
    calls: tuple[Call, ...]
    begins_after: float


@dataclass(frozen=True)
class Kill:
    """``pause`` seconds after the one before, the ``number``-th process of ``target`` dies; it stays away ``down``."""

    target: str
    number: int
    pause: float
    down: float


@dataclass(frozen=True)
class Plan:
    seed: int
    cases: tuple[Case, ...]
    kills: tuple[Kill, ...]

    @property
    def calls(self) -> dict[str, Call]:
        return {call.name: call for case in self.cases for call in case.calls}


def make_plan(*, seed: int, requests: int, kills: int, pauses: tuple[float, float]) -> Plan:
    """Return a plan of ``requests`` gated calls spread over ``kills`` kills, ``pauses`` (from, to) seconds apart."""
    chance = random.Random(seed)
    killed = tuple(_kills(chance, kills, pauses))
    seconds = sum(kill.pause for kill in killed)
    return Plan(seed, tuple(_cases(chance, requests, seconds)), killed)


def _kills(chance: random.Random, count: int, pauses: tuple[float, float]) -> Iterator[Kill]:
    # Everybody dies once before anybody dies at random.
    targets = chance.sample(TARGETS, len(TARGETS))
    targets += [chance.choice(TARGETS) for _ in range(count - len(targets))]
    for target in targets[:count]:
        yield Kill(target, chance.randrange(1000), chance.uniform(*pauses), chance.uniform(0, 1.5))


def _cases(chance: random.Random, requests: int, seconds: float) -> Iterator[Case]:
    left, shapes = requests, []
    while left:
        quorum, kinds = chance.choice([(1, "a"), (1, "d"), (1, "ada"), (2, "a"), (2, "aa"), (2, "d"), (2, "ad")])
        shapes.append((quorum, kinds[:left]))
        left -= len(kinds[:left])
    # The first one begins at once: nobody is killed before people are at work.
    begins = [0.0, *sorted(chance.uniform(0, seconds) for _ in shapes[1:])]
    for number, ((quorum, kinds), after) in enumerate(zip(shapes, begins, strict=True), 1):
        name = f"case-{number:03}"
        calls = [
            Call(f"{name}/{place}", quorum, _decisions(chance, quorum, kind)) for place, kind in enumerate(kinds, 1)
        ]
        yield Case(name, quorum, tuple(calls), after)


def _decisions(chance: random.Random, quorum: int, kind: str) -> dict[str, DecisionKind]:
    people = chance.sample(PEOPLE, len(PEOPLE))
    if kind == "a":
        return dict.fromkeys(people[:quorum], _APPROVE)
    # Where two are needed, one says yes in vain.
    return dict.fromkeys(people[: quorum - 1], _APPROVE) | dict.fromkeys(people[quorum - 1 :], _DENY)
