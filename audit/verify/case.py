"""What is known so far of the incident, while its entries are gone through in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from audit.verify.approvals import Address
from audit.verify.chain import Place
from audit.verify.trust import Endorsed, Roots
from audit.verify.warrants import Register, WarrantChain


class Standing(StrEnum):
    """Where a request stands after the entries so far."""

    OPEN = "open"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


@dataclass(slots=True)
class Request:
    """One request to people. ``grants`` holds the approvals granted so far, as bytes, with their person."""

    address: Address
    request_hash: bytes
    tool: str
    chain: WarrantChain
    expires_at: int
    display_digest: bytes
    policy_version: str
    standing: Standing = Standing.OPEN
    grants: dict[bytes, str] = field(default_factory=dict)
    denials: dict[bytes, str] = field(default_factory=dict)  # the key that signed, with its person
    retracted: set[bytes] = field(default_factory=set)  # approvals that were taken back, as bytes
    # How old a second factor may be at an approval; None: none was asked for.
    step_up_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class HandingOn:
    """Who hands the incident's warrant on, with which key, to which agent's key (32 bytes each)."""

    key: bytes
    person: str
    agent: bytes


@dataclass(slots=True)
class Case:
    """The state that the steps share. ``approval_lifetime`` is the longest life of a signature, in seconds.

    Without ``people_roots`` nobody checks whose keys the approvers' are.
    """

    roots: Roots
    endorsed: Endorsed
    place: Place
    warrants: Register
    approval_lifetime: int
    people_roots: frozenset[bytes] = frozenset()
    has_decisions: bool = False
    handing_on: HandingOn | None = None
    approvers: dict[bytes, str] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    granted_nonces: set[tuple[bytes, bytes]] = field(default_factory=set)
    spent: dict[tuple[bytes, bytes], tuple[str, ...]] = field(default_factory=dict)
    attempts: set[tuple[tuple[str, ...], int]] = field(default_factory=set)
    receipts: set[bytes] = field(default_factory=set)
    worker_sequences: set[tuple[str, int]] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    executed: dict[str, int] = field(default_factory=dict)
    run_status: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
