"""What the text of a policy asks of the calls that it allows, for a worker that asks whatever a warrant says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from warrants.policies.compiling import allows
from warrants.policies.constraints import INCIDENT_SERVICE, Constraint
from warrants.policies.gates import Form, Gate
from warrants.policies.release import shipped
from warrants.policies.rules import Policy
from workers.gates.floors import Condition, Demand, Floor


@dataclass(frozen=True)
class PolicyFloors:
    """The floors of one version of a policy."""

    policy: Policy

    def demand(self, tool: str, arguments: Mapping[str, Any]) -> Demand:
        """Return what the policy asks before a call; nothing about tools that it does not have."""
        if tool not in self.policy.tools:
            return Demand()
        floor = self._floors.get(tool)
        return Demand(floor.people_for(arguments) if floor else 0, self.policy.endorsers)

    def allows(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Return whether a warrant that was minted from the policy could allow the call, for whatever incident."""
        declared = self.policy.tools.get(tool)
        if declared is None or set(arguments) != set(declared.arguments):
            return False
        return all(_may_be(rule, arguments[name]) for name, rule in declared.arguments.items())

    @cached_property
    def _floors(self) -> dict[str, Floor]:
        return _floors(self.policy)


def floors_of(policy_name: str) -> dict[str, Floor]:
    """Return the floors of the tools that the release's own policy gates. Raises ``PolicyError``."""
    return _floors(shipped(policy_name))


def _floors(policy: Policy) -> dict[str, Floor]:
    return {
        name: _floor(tool.gate, policy.min_approvals) for name, tool in policy.tools.items() if tool.gate is not None
    }


def _floor(gate: Gate, people: int) -> Floor:
    if gate.form is Form.ALWAYS:
        return Floor(people)
    holds = {name: _holding(constraint) for name, constraint in gate.arguments.items()}
    if gate.form is Form.UNLESS:
        return Floor(people, exempt=holds)
    # A call stops as soon as one argument asks for it, so it is exempt where none does.
    return Floor(people, exempt={name: _negated(condition) for name, condition in holds.items()})


def _holding(constraint: Constraint) -> Condition:
    return lambda value: allows(constraint, value)


def _negated(condition: Condition) -> Condition:
    return lambda value: not condition(value)


def _may_be(rule: Constraint, value: Any) -> bool:
    """Return whether ``rule`` allows ``value`` for an incident of some service."""
    return any(allows(rule, value, service) for service in _services(value))


def _services(value: Any) -> Iterator[str]:
    """Yield the services that matter to a rule which names the incident's: those in the value, and another one."""
    yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))
    yield INCIDENT_SERVICE
