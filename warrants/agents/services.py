"""Making agents."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import custody
from warrants.agents.custody import wrapping_purpose
from warrants.models import AgentIdentity


def ensure_agent(*, name: str) -> AgentIdentity:
    """Return the agent ``name``, making it and its key if there is none. Two processes at once end with one.

    Raises ``CustodyError`` if keys cannot be stored.
    """
    return AgentIdentity.objects.filter(name=name).first() or _make(name)


def _make(name: str) -> AgentIdentity:
    private_key = Ed25519PrivateKey.generate()
    wrapped = custody.wrap(private_key.private_bytes_raw(), purpose=wrapping_purpose(name))
    agent, _ = AgentIdentity.objects.get_or_create(
        name=name,
        defaults={"public_key": private_key.public_key().public_bytes_raw(), "wrapped_private_key": wrapped},
    )
    return agent
