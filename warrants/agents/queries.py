"""Reading agents, and opening their keys for the workers that run here."""

from __future__ import annotations

from audit import custody
from warrants.agents.custody import wrapping_purpose
from warrants.models import AgentIdentity


def holder_keys() -> dict[str, bytes]:
    """Return every agent's 32-byte private key by key id: a worker must hold them in memory to dispatch.

    Raises ``CustodyError`` if one does not open.
    """
    return {
        agent.key_id: custody.unwrap(bytes(agent.wrapped_private_key), purpose=wrapping_purpose(agent.name))
        for agent in AgentIdentity.objects.all()
    }
