"""The names of chains: which are the service's own. Every other one is an incident, named by its root warrant's id."""

from __future__ import annotations

import hashlib
from enum import StrEnum

KEYS_CHAIN = "keys"
POLICIES_CHAIN = "policies"
SERVICE_CHAINS = (KEYS_CHAIN, "people", POLICIES_CHAIN, "rings")


class Subject(StrEnum):
    """What the service keeps a chain about for each namespace. Values are stored; none is ever reused."""

    PAYLOADS = "payloads"  # who read what in plain
    EXPORTS = "exports"  # which histories left for the archive, and which evidence for whom


def namespace_chain(subject: Subject, namespace: str) -> str:
    """Return the name of the chain about ``subject`` in ``namespace``; its label and namespace say it in words."""
    return f"{subject}.{hashlib.sha256(namespace.encode()).hexdigest()[:32]}"


def is_service_chain(chain: str) -> bool:
    return chain in SERVICE_CHAINS or any(chain.startswith(f"{subject}.") for subject in Subject)
