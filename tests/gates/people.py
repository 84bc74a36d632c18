"""People, keys and a stand-in for the application, so that the gate can be tried alone."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio import activity
from temporalio.client import Client

from approvals.contracts import (
    DECISION_SIGNAL,
    FETCH_DECISION_ACTIVITY,
    OPEN_REQUEST_ACTIVITY,
    REPORT_OUTCOME_ACTIVITY,
    ClosingReport,
    Decision,
    GateRequest,
    Outcome,
)
from approvals.signing import approval, denial
from audit.statements.acting import EXTENSION as ACTING
from audit.statements.key_endorsements import EndorsedRole, facts_of
from audit.statements.quorum import EXTENSION as SAME_PERSON
from audit.statements.statements import Context, sign
from audit.statements.terms import EXTENSION, Terms
from warrants.minting.extending import with_extensions
from workers.gates.asking import binding_of


@dataclass
class Keys:
    """One issuer, one agent, two approvers, a people root and an administrator: six different keys."""

    issuer: tenuo_core.SigningKey = field(default_factory=tenuo_core.SigningKey.generate)
    holder: tenuo_core.SigningKey = field(default_factory=tenuo_core.SigningKey.generate)
    approver: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    second: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    people_root: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    administrator: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def root(self) -> bytes:
        return bytes(self.issuer.public_key.to_bytes())

    def endorsements(self, *keys: Ed25519PrivateKey, person: str = "local:lead") -> tuple[bytes, ...]:
        """Return what leads from the people root, by way of the administrator, to ``keys`` of ``person``."""
        above = endorse(self.people_root, self.administrator, "local:admin", EndorsedRole.SECURITY_ADMINISTRATOR)
        return (above, *[endorse(self.administrator, key, person) for key in keys or (self.approver,)])

    def warrant(self, capabilities: dict[str, Any], gates: dict[str, Any], **options: Any) -> tenuo_core.Warrant:
        """Return a warrant that names both approvers; one denial ends a request, unless told otherwise.

        ``terms`` are its policy's; ``same_person`` lists the keys that are one person's, ``acting`` is for
        whom the agent works.
        """
        approvers = [self.approver, self.second]
        terms = options.pop("terms", None) or Terms(one_denial_ends=options.pop("one_denial_ends", True))
        same_person = options.pop("same_person", b"")
        acting = options.pop("acting", None)
        plain = tenuo_core.Warrant.issue(
            self.issuer,
            capabilities=capabilities,
            ttl_seconds=options.pop("ttl_seconds", 600),
            holder=self.holder.public_key,
            required_approvers=[tenuo_core.PublicKey.from_bytes(public(key)) for key in approvers],
            min_approvals=options.pop("min_approvals", 1),
            approval_gates=gates,
        )
        added = {EXTENSION: terms.to_bytes(), **({SAME_PERSON: same_person} if same_person else {})}
        if acting is not None:
            added[ACTING] = acting.to_bytes()
        return with_extensions(plain, added, self.issuing_key)

    @property
    def issuing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes(self.issuer.secret_key_bytes()))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def endorse(
    by: Ed25519PrivateKey,
    of: Ed25519PrivateKey,
    person: str = "local:lead",
    role: EndorsedRole = EndorsedRole.APPROVER,
    *,
    at: int | None = None,
) -> bytes:
    """Return ``by``'s signed word that the key ``of`` is ``person``'s; ``at`` is in milliseconds, or now."""
    at = time.time_ns() // 1_000_000 if at is None else at
    facts = facts_of(key=public(of), person=person, role=role, strength="ordinary", at=at)
    return sign(Context.KEY_ENDORSEMENT, facts, by).to_bytes()


def approve(request: GateRequest, key: Ed25519PrivateKey, **changes: Any) -> bytes:
    """Return a signed approval of ``request``; ``changes`` replace terms, for attacks."""
    now = int(time.time())
    terms = {
        "request_hash": bytes.fromhex(request.request_hash),
        "nonce": os.urandom(16),
        "external_id": "local:lead",
        "approved_at": now,
        "expires_at": now + 300,
        "binding": binding_of(request),
        "reason": "",
    }
    payload = approval.encode_payload(approval.ApprovalTerms(**{**terms, **changes}))
    return approval.assemble(payload, public(key), key.sign(approval.signed_message(payload)))


def deny(
    request: GateRequest, key: Ed25519PrivateKey, reason: str = "Not now.", *, proposed: bytes | None = None
) -> bytes:
    facts = denial.facts(
        request_hash=bytes.fromhex(request.request_hash),
        nonce=os.urandom(16),
        external_id="local:lead",
        denied_at=int(time.time()),
        reason=reason,
        binding=binding_of(request),
        proposed_arguments=proposed,
    )
    return sign(Context.DENIAL, facts, key).to_bytes()


def decision(
    request: GateRequest,
    *,
    approvals: tuple[bytes, ...] = (),
    denials: tuple[bytes, ...] = (),
    endorsements: tuple[bytes, ...] = (),
) -> Decision:
    return Decision(
        request_id=request.request_id,
        approvals=[base64.b64encode(data).decode() for data in approvals],
        denials=[base64.b64encode(data).decode() for data in denials],
        endorsements=[base64.b64encode(data).decode() for data in endorsements],
    )


async def send(client: Client, request: GateRequest, message: Any) -> None:
    handle = client.get_workflow_handle(request.workflow_id, run_id=request.run_id)
    await handle.signal(DECISION_SIGNAL, message)


class Desk:
    """Stands where the application stands: takes requests, outcomes and closing reports."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[GateRequest] = asyncio.Queue()
        self.outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self.reports: asyncio.Queue[ClosingReport] = asyncio.Queue()
        self.on_open: Callable[[GateRequest], Any] | None = None

    @activity.defn(name=OPEN_REQUEST_ACTIVITY)
    async def open_request(self, request: GateRequest) -> None:
        if self.on_open is not None:
            await self.on_open(request)
        await self.requests.put(request)

    @activity.defn(name=FETCH_DECISION_ACTIVITY)
    async def fetch_decision(self, request_id: str) -> Decision:
        return Decision(request_id)

    @activity.defn(name=REPORT_OUTCOME_ACTIVITY)
    async def report_outcome(self, outcome: Outcome) -> None:
        await self.outcomes.put(outcome)

    @activity.defn(name="test.take_closing_report")
    async def take_closing_report(self, report: ClosingReport) -> None:
        await self.reports.put(report)

    @property
    def activities(self) -> list[Callable[..., Any]]:
        return [self.open_request, self.fetch_decision, self.report_outcome, self.take_closing_report]
