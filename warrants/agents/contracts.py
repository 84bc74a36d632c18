"""Names of agents. Pure."""

from __future__ import annotations

# Whom warrants are minted for unless another is named: it works on incidents.
INCIDENT_AGENT = "incident-agent"
