"""A warrant to rehearse under: what the policy says, signed by keys that nobody trusts."""

from __future__ import annotations

import tenuo_core

from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident
from warrants.policies.release import shipped
from workers.incident.contracts import POLICY, IncidentBrief


def practice_warrant(brief: IncidentBrief) -> tenuo_core.Warrant:
    """Return a warrant that decides as the minted one would, and opens nothing."""
    policy = shipped(POLICY)
    incident = Incident(brief.incident_id, brief.title, brief.severity, brief.service, namespace="rehearsal")
    return tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.generate(),
        capabilities=capabilities(policy, incident),
        ttl_seconds=policy.lifetimes[incident.severity],
        holder=tenuo_core.SigningKey.generate().public_key,
        required_approvers=[tenuo_core.SigningKey.generate().public_key for _ in range(policy.min_approvals)],
        min_approvals=policy.min_approvals,
        approval_gates=approval_gates(policy, incident),
    )
