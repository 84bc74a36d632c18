"""What the list of policies shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from accounts.models import Person
from warrants.errors import PolicyError
from warrants.models import PolicyVersion
from warrants.policies import on_call, queries
from warrants.policies.contracts import State
from warrants.policies.on_call import Step
from warrants.policies.release import shipped_names

_VERSION = re.compile(r"^version: *\d+", re.MULTILINE)
_NEW = """\
name: {name}
version: {number}
lifetimes: {{critical: 1 h, high: 1 h, medium: 30 min, low: 15 min}}
min_approvals: 1
sub_agents: 0   # nobody gets a warrant handed on
tools:
  # Which calls an agent may make, with every argument of each, and which of them stop for a person.
"""


@dataclass(slots=True)
class PolicyCard:
    """One policy. ``standing`` is the version warrants are minted from; None: the release's own, ``shipped``.

    A policy that is not of the release has 0 and no text for that.

    ``refusal`` says why nothing is minted from it. ``on_call``: who is told first now; None for whoever may not see it.
    """

    name: str
    shipped: int = 0
    shipped_text: str = ""
    standing: PolicyVersion | None = None
    refusal: str = ""
    waiting: list[PolicyVersion] = field(default_factory=list)
    earlier: list[PolicyVersion] = field(default_factory=list)
    on_call: Sequence[Step] | None = None


def cards(person: Person) -> list[PolicyCard]:
    """Return every policy, by name, with its versions, newest first, as ``person`` may see them."""
    found = {name: PolicyCard(name, *queries.shipped_standing(name)) for name in shipped_names()}
    for version in PolicyVersion.objects.order_by("name", "-number").defer("text"):
        card = found.setdefault(version.name, PolicyCard(version.name))
        if version.state == State.PUBLISHED:
            card.standing, card.refusal = version, _refusal(version.name)
        elif version.state == State.RETIRED:
            card.earlier.append(version)
        else:
            card.waiting.append(version)
    for name, ladder in (on_call.ladders(person, found) or {}).items():
        found[name].on_call = ladder
    return [found[name] for name in sorted(found)]


def first_text(name: str) -> str:
    """Return what a new version of ``name`` begins with: what stands, under its next number, or an outline."""
    number = queries.next_number(name)
    _, text = queries.standing(name)
    return _VERSION.sub(f"version: {number}", text, count=1) if text else _NEW.format(name=name, number=number)


def _refusal(name: str) -> str:
    try:
        queries.load(name)
    except PolicyError as error:
        return str(error)
    return ""
