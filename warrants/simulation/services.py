"""Finding the version to try, and trying a call on it. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warrants.catalogue.queries import tools
from warrants.errors import UnknownVersion
from warrants.models import PolicyVersion
from warrants.policies import queries
from warrants.policies.contracts import State
from warrants.policies.release import shipped_text
from warrants.policies.rules import Policy, parse_policy
from warrants.simulation.approvers import Approvers, approvers_under
from warrants.simulation.contracts import Answer, Outcome
from warrants.simulation.trial import Trial


@dataclass(frozen=True, slots=True)
class Version:
    """A text to try: one that was written here, in any state, or the release's own, whose state is empty."""

    name: str
    number: int
    text: str
    state: State | None


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a call would come to, and who could approve it; None for one that asks nobody."""

    answer: Answer
    approvers: Approvers | None


def version_of(name: str, number: int) -> Version:
    """Return the version ``number`` of ``name``. Raises ``UnknownVersion`` and ``UnknownPolicy``."""
    found = PolicyVersion.objects.filter(name=name, number=number).first() if 0 < number < 2**31 else None
    if found is not None:
        return Version(name, number, found.text, State(found.state))
    if queries.shipped_standing(name)[0] == number:
        return Version(name, number, shipped_text(name), None)
    raise UnknownVersion(name=name, number=number)


def simulate(
    policy: Policy, *, tool: str, arguments: Mapping[str, Any], severity: str, service: str, namespace: str
) -> Simulated:
    """Return what would happen if an agent called ``tool`` under ``policy``, for such an incident.

    Raises ``InvalidIncident`` if no warrant would be minted for it.
    """
    forms = [form for form in tools([tool]) if any(place.startswith(f"{namespace}/") for place in form.places)]
    trial = Trial(policy, severity=severity, service=service, namespace=namespace)
    answer = trial.answer(tool, arguments, forms)
    approvers = approvers_under(policy, namespace=namespace) if answer.outcome is Outcome.GATED else None
    return Simulated(answer, approvers)


def parsed(version: Version) -> Policy:
    """Return the policy in a version's text. Raises ``PolicyError``."""
    return parse_policy(version.text)
