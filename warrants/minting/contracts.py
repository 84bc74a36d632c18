"""What a warrant is minted for, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warrants.agents.contracts import INCIDENT_AGENT


class SignedBy(StrEnum):
    """Who gives the warrant to the agent: the issuer itself, or whoever orders it, with a key of their own."""

    INSTALLATION = "installation"
    OWN_KEY = "own_key"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as its alert tells it. ``namespace`` is the Temporal namespace its workflow runs in.

    ``barred_people`` must not approve: they raised the alert, the agent acts for them, or they ask for the warrant
    themselves. Each is an external id, an e-mail address or a name that people see. ``acting_for`` is the one person
    with whose authority the agent may call other services, as an external id or an e-mail address; empty for nobody.
    """

    id: str
    title: str
    severity: str
    service: str
    namespace: str
    barred_people: tuple[str, ...] = ()
    acting_for: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A warrant that somebody asks for: under which policy, for which incident, for whom, where.

    ``barred_people`` must not approve, besides whoever asks; each is named as in ``Incident``.
    """

    policy: str
    incident_id: str
    title: str
    severity: str
    service: str
    namespace: str
    agent: str = INCIDENT_AGENT
    barred_people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MintedWarrant:
    """A warrant to start a workflow with, in ``namespace`` and nowhere else.

    ``chain`` is root first, ``key_id`` the agent's, who holds its last, ``expires_at`` in seconds. ``waits_for`` is the
    external id of a person who has not signed yet: then the chain ends with them, and the agent may do nothing.
    """

    id: str
    chain: list[bytes]
    key_id: str
    expires_at: int
    namespace: str
    waits_for: str = ""
