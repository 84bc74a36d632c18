"""Turning a policy into Tenuo's capabilities and approval gates for one incident."""

from __future__ import annotations

from collections.abc import Mapping

from warrants.minting.contracts import Incident
from warrants.policies.compiling import TenuoConstraint, compiled
from warrants.policies.constraints import Constraint
from warrants.policies.gates import Form, Gate
from warrants.policies.rules import Policy


def capabilities(policy: Policy, incident: Incident) -> dict[str, dict[str, TenuoConstraint]]:
    """Return ``{tool: {argument: constraint}}``."""
    return {name: _constraints(tool.arguments, incident) for name, tool in policy.tools.items()}


def approval_gates(policy: Policy, incident: Incident) -> dict[str, dict[str, object]]:
    """Return ``{tool: {"args": None | {argument: condition}, "message": text}}`` of the gated tools."""
    return {name: _gate(tool.gate, incident) for name, tool in policy.tools.items() if tool.gate is not None}


def _gate(gate: Gate, incident: Incident) -> dict[str, object]:
    conditions = _constraints(gate.arguments, incident)
    if gate.form is Form.ALWAYS:
        return {"args": None, "message": gate.message}
    if gate.form is Form.WHEN:
        return {"args": conditions, "message": gate.message}
    return {"args": {name: {"exempt": value} for name, value in conditions.items()}, "message": gate.message}


def _constraints(rules: Mapping[str, Constraint], incident: Incident) -> dict[str, TenuoConstraint]:
    return {name: compiled(rule, incident.service) for name, rule in rules.items()}
