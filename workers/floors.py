"""What this installation's own workers ask people about whatever a warrant says: what the policies in its files say.

Policies are read from the worker's own disk. Whoever holds the issuer's key can mint a warrant without a gate; it
gets no further than here.
"""

from __future__ import annotations

from warrants.policies.compiling import allows
from warrants.policies.constraints import Constraint
from warrants.policies.gates import Form, Gate
from warrants.policies.release import shipped
from workers.gates.floors import Condition, Floor


def floors_of(policy_name: str) -> dict[str, Floor]:
    """Return the floors of the tools that a policy gates. Raises ``PolicyError``."""
    policy = shipped(policy_name)
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
