"""A builder of genuine evidence: real warrants, proofs of possession, receipts and signatures, no Django.

``Evidence`` holds every key of the cast, so that a test can also play a server that turned bad.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.contracts import CallRecord
from approvals.signing import approval as approvals
from approvals.signing import denial as denials
from approvals.signing import retraction as retractions
from approvals.signing.binding import Binding
from approvals.signing.display import Display
from audit.statements import cbor, place, statements
from audit.statements.entries import entry_hash
from audit.statements.evidence import about_chain, entry_line
from audit.statements.key_endorsements import EndorsedRole, facts_of
from audit.statements.kinds import EntryKind
from audit.statements.terms import EXTENSION, Terms
from tests.audit.bundles import MemoryLog, bundled, ended, linked
from tests.extending import policy_label_of
from warrants.minting.extending import with_extensions

LEAD = "local:lead"
OTHER_LEAD = "local:other"
ADMINISTRATOR = "local:administrator"
READ = {"service": "payment-service-prod", "lines": 50}
RESTART = {"service": "payment-service-prod", "environment": "production"}
RUN = {"namespace": "default", "workflow_id": "incident-P1042", "run_id": "run-1"}
WORKER = "worker-1"
SHOWN = Display(
    workflow_type="IncidentWorkflow",
    threshold=1,
    gate_message="A restart needs a person.",
    reasoning="it is down",
    history=(CallRecord("delete_database", "denied", 1_767_225_600_000, "tool_not_authorized", "no"),),
)
LIFETIME = 900
TERMS = Terms(
    policy="incident-response",
    policy_version=1,
    policy_digest=bytes(32),
    approval_seconds=LIFETIME,
    one_denial_ends=True,
)


def private_key(key: Ed25519PrivateKey) -> tenuo_core.SigningKey:
    """Return the same key in Tenuo's form."""
    return tenuo_core.SigningKey.from_bytes(key.private_bytes_raw())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


@dataclass
class Evidence:
    """An incident's chain in the making. Times are UTC seconds."""

    now: int = field(default_factory=lambda: int(time.time()))
    threshold: int = 1
    terms: Terms = TERMS
    namespace: str = RUN["namespace"]  # in which the warrant may be used
    root: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    ledger: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    receipts: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    holder: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    lead: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    other: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    people_root: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    administrator: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    worker_sequence: int = 0

    def __post_init__(self) -> None:
        self.approvers: tuple[Ed25519PrivateKey, ...] = (self.lead, self.other)
        self.people = {public(self.lead): LEAD, public(self.other): OTHER_LEAD}
        self.key_endorsements = [
            self.endorse(self.people_root, self.administrator, ADMINISTRATOR, EndorsedRole.SECURITY_ADMINISTRATOR),
            self.endorse(self.administrator, self.lead, LEAD),
            self.endorse(self.administrator, self.other, OTHER_LEAD),
        ]
        self.warrant = self.issue(self.root)
        self.warrant_chain = [bytes(self.warrant.to_bytes())]
        self.chain = self.warrant.id
        self.statements: list[dict[str, Any]] = []
        self.attachments: list[dict[str, tuple[bytes, bytes] | None]] = []
        self.issuer = tenuo_core.ReceiptIssuer(private_key(self.receipts))
        self.authorizer = tenuo_core.Authorizer(trusted_roots=[private_key(self.root).public_key])
        self.issuer.bind_authorizer(self.authorizer)

    @property
    def root_hex(self) -> str:
        return public(self.root).hex()

    # --- What the keys sign -----------------------------------------------------------------

    def issue(self, issuer: Ed25519PrivateKey) -> tenuo_core.Warrant:
        wildcard = tenuo_core.Wildcard()
        plain = tenuo_core.Warrant.issue(
            private_key(issuer),
            capabilities={
                "read_logs": {"service": wildcard, "lines": wildcard},
                "nexus:payments:payments:start-payment": {"reference": wildcard},
                "restart_service": {
                    "service": wildcard,
                    "environment": tenuo_core.OneOf(["production", "staging"]),
                },
            },
            ttl_seconds=3600,
            holder=private_key(self.holder).public_key,
            required_approvers=[private_key(key).public_key for key in self.approvers],
            min_approvals=self.threshold,
            approval_gates={"restart_service": {"environment": {"exempt": tenuo_core.OneOf(["staging"])}}},
        )
        extensions = {EXTENSION: self.terms.to_bytes(), place.EXTENSION: place.to_bytes(self.namespace)}
        return with_extensions(plain, extensions, issuer)

    def endorsement(self, role: str, key: Ed25519PrivateKey, by: Ed25519PrivateKey | None = None) -> bytes:
        facts = {"role": role, "key": public(key), "issued_at": self.now}
        return statements.sign(statements.Context.ENDORSEMENT, facts, by or self.root).to_bytes()

    def request_hash(self, tool: str, arguments: dict[str, Any]) -> bytes:
        return bytes(
            tenuo_core.py_compute_request_hash(self.warrant.id, tool, arguments, self.warrant.authorized_holder)
        )

    def approve(
        self,
        *,
        request_id: str = "request-1",
        key: Ed25519PrivateKey | None = None,
        person: str = "",
        arguments: dict[str, Any] | None = None,
        lifetime: int = LIFETIME,
        nonce: bytes | None = None,
        **elsewhere: Any,
    ) -> bytes:
        """Return a person's signed approval of ``restart_service``; ``elsewhere`` are other facts of its binding."""
        key = key or self.lead
        terms = approvals.ApprovalTerms(
            request_hash=self.request_hash("restart_service", arguments or RESTART),
            nonce=nonce or secrets.token_bytes(16),
            external_id=person or self.people.get(public(key), "local:stranger"),
            approved_at=self.now,
            expires_at=self.now + lifetime,
            binding=replace(self.binding(request_id), **elsewhere),
            reason="the service is down",
        )
        payload = approvals.encode_payload(terms)
        return approvals.assemble(payload, public(key), key.sign(approvals.signed_message(payload)))

    def deny(self, *, request_id: str = "request-1", key: Ed25519PrivateKey | None = None, **elsewhere: Any) -> bytes:
        """Return a person's signed denial of ``restart_service``; ``elsewhere`` as in ``approve``."""
        key = key or self.lead
        facts = denials.facts(
            request_hash=self.request_hash("restart_service", RESTART),
            nonce=secrets.token_bytes(16),
            external_id=self.people[public(key)],
            denied_at=self.now,
            reason="the runbook is false",
            binding=replace(self.binding(request_id), **elsewhere),
        )
        return statements.sign(statements.Context.DENIAL, facts, key).to_bytes()

    @property
    def shown(self) -> Display:
        """What people are shown."""
        return replace(SHOWN, threshold=self.threshold)

    def binding(self, request_id: str) -> Binding:
        return Binding(
            request_id=request_id,
            **RUN,
            display_digest=self.shown.digest,
            policy_version=policy_label_of(self.warrant),
        )

    # --- Entries ----------------------------------------------------------------------------

    def add(
        self,
        kind: EntryKind,
        details: dict[str, Any],
        attachments: dict[str, bytes] | None = None,
        at: int | None = None,
    ) -> int:
        """Add an entry, to be signed when the file is written; return its sequence."""
        salted = {name: (secrets.token_bytes(16), content) for name, content in (attachments or {}).items()}
        self.statements.append({"at": (at or self.now) * 1000, "details": details, "kind": kind.value})
        self.attachments.append(dict(salted))
        return len(self.statements)

    def minted(self) -> int:
        return self.add(
            EntryKind.WARRANT_MINTED,
            {
                "warrant_chain": self.warrant_chain,
                "policy": {"name": "incident-response", "version": 1, "digest": bytes(32)},
                "incident": {
                    "id": "P1042",
                    "title": "High error rate",
                    "severity": "high",
                    "service": "payment-service-prod",
                },
                "agent": {"name": "incident-agent", "holder": public(self.holder)},
                "approvers": [{"key": key, "person": person} for key, person in self.people.items()],
                "endorsements": [self.endorsement("ledger", self.ledger), self.endorsement("receipts", self.receipts)],
            },
        )

    def call_details(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        verdict: str = "allowed",
        approvals: tuple[bytes, ...] = (),
        request_id: str = "",
        code: str = "",
        activity_id: str = "",
        run_id: str = "run-1",
    ) -> dict[str, Any]:
        """Return the details of a call that a worker decided, its receipt signed by the worker's key."""
        self.worker_sequence += 1
        activity_id = activity_id or str(self.worker_sequence)
        name = request_id or activity_id
        proof = bytes(self.warrant.sign(private_key(self.holder), tool, arguments, self.now))
        if verdict == "allowed":
            result = self.authorizer.check_chain(
                [self.warrant],
                tool,
                arguments,
                signature=proof,
                approvals=[tenuo_core.SignedApproval.from_bytes(data) for data in approvals],
                as_of=self.now,
            )
            wire = self.issuer.issue_receipt(result, tool, True, self.now, name, None)
        else:
            wire = self.issuer.issue_denial_receipt([self.warrant], tool, arguments, self.now, name, code, None)
        return {
            "receipt": bytes.fromhex(wire),
            "tool": tool,
            "warrant_chain": self.warrant_chain,
            "proof_of_possession": proof,
            "approvals": list(approvals),
            "key_endorsements": list(self.key_endorsements if approvals else []),
            **RUN,
            "run_id": run_id,
            "activity_id": activity_id,
            "attempt": 1,
            "decided_at_ms": self.now * 1000 + 123,
            "worker": WORKER,
            "worker_sequence": self.worker_sequence,
            "request_id": request_id,
            "code": code.replace("-", "_"),
            "detail": "",
        }

    def allowed(self, tool: str = "read_logs", arguments: dict[str, Any] | None = None, **options: Any) -> int:
        arguments = READ if arguments is None else arguments
        details = self.call_details(tool, arguments, **options)
        return self.add(EntryKind.CALL_ALLOWED, details, {"arguments": cbor.encode(arguments)})

    def denied(self, tool: str = "delete_database", arguments: dict[str, Any] | None = None, **options: Any) -> int:
        arguments = {"name": "payments"} if arguments is None else arguments
        options.setdefault("code", "tool-not-authorized")
        details = self.call_details(tool, arguments, verdict="denied", **options)
        return self.add(EntryKind.CALL_DENIED, details, {"arguments": cbor.encode(arguments)})

    def gated(self, request_id: str = "request-1") -> int:
        details = self.call_details(
            "restart_service", RESTART, verdict="gated", code="approval-required", request_id=request_id
        )
        return self.add(EntryKind.CALL_GATED, details, {"arguments": cbor.encode(RESTART)})

    def requested(self, request_id: str = "request-1", **changes: Any) -> int:
        details = {
            "request_id": request_id,
            "request_hash": self.request_hash("restart_service", RESTART),
            "tool": "restart_service",
            "warrant_id": self.warrant.id,
            **RUN,
            "threshold": self.threshold,
            "expires_at": self.now + 3600,
            "display_digest": self.shown.digest,
            "policy_version": self.terms.policy_label,
            **changes,
        }
        attachments = {"arguments": cbor.encode(RESTART), "display": self.shown.to_bytes()}
        return self.add(EntryKind.APPROVAL_REQUESTED, details, attachments)

    def granted(self, approval: bytes, request_id: str = "request-1", **changes: Any) -> int:
        signed = approvals.parse(approval)
        details = {
            "request_id": request_id,
            "approval": approval,
            "person": signed.terms.external_id,
            "key": signed.approver_key,
            "key_endorsements": list(self.key_endorsements),
            **changes,
        }
        return self.add(EntryKind.APPROVAL_GRANTED, details)

    def refused(self, denial: bytes, request_id: str = "request-1", **changes: Any) -> int:
        signed = denials.parse(denial)
        return self.add(
            EntryKind.APPROVAL_DENIED,
            {
                "request_id": request_id,
                "denial": denial,
                "person": signed.external_id,
                "key": signed.approver_key,
                "key_endorsements": list(self.key_endorsements),
                **changes,
            },
        )

    def taken_back(self, approval: bytes, *, key: Ed25519PrivateKey | None = None) -> int:
        """Record that the owner of ``key``, or the lead, takes ``approval`` back."""
        terms, key = approvals.parse(approval).terms, key or self.lead
        person = self.people[public(key)]
        facts = retractions.facts(
            request_hash=terms.request_hash,
            nonce=terms.nonce,
            external_id=person,
            retracted_at=self.now,
            binding=terms.binding,
        )
        return self.add(
            EntryKind.APPROVAL_RETRACTED,
            {
                "request_id": terms.binding.request_id,
                "retraction": statements.sign(statements.Context.RETRACTION, facts, key).to_bytes(),
                "person": person,
                "key": public(key),
                "key_endorsements": list(self.key_endorsements),
            },
        )

    def restarted(self, *given: bytes, request_id: str = "request-1", **options: Any) -> int:
        return self.allowed("restart_service", RESTART, approvals=given, request_id=request_id, **options)

    def result(self, request_id: str = "request-1", status: str = "executed") -> int:
        details = {"request_id": request_id, "tool": "restart_service", "status": status, "error_type": ""}
        return self.add(EntryKind.CALL_RESULT, details, {"result": b'"restarted"'})

    def completed(self) -> int:
        return self.add(EntryKind.RUN_COMPLETED, {**RUN, "status": "completed", "detail": ""})

    def endorse(
        self,
        by: Ed25519PrivateKey,
        of: Ed25519PrivateKey,
        person: str,
        role: EndorsedRole = EndorsedRole.APPROVER,
        *,
        later: int = 0,
    ) -> bytes:
        """Return a statement made an hour ago, or ``later`` seconds after that."""
        at = (self.now - 3600 + later) * 1000
        facts = facts_of(key=public(of), person=person, role=role, strength="ordinary", at=at)
        return statements.sign(statements.Context.KEY_ENDORSEMENT, facts, by).to_bytes()

    # --- The file ---------------------------------------------------------------------------

    def lines(
        self,
        *,
        signer: Ed25519PrivateKey | None = None,
        log: MemoryLog | None = None,
        match: Callable[[int], bool] = lambda sequence: True,
    ) -> list[bytes]:
        """Return the chain's lines: every entry signed and linked, and its end. ``file`` puts a bundle around them."""
        key = signer or self.ledger
        entries = linked(self.chain, zip(self.statements, self.attachments, strict=True), key)
        lines = [
            entry_line(envelope, attachments=salted, match=match(sequence))
            for sequence, (envelope, salted) in enumerate(entries, start=1)
        ]
        heads = [entry_hash(envelope.statement) for envelope, _ in entries]
        log = log or MemoryLog()
        positions = [log.append(head) for head in heads]
        log.append(bytes(32))
        at = int(self.statements[-1]["at"])
        located = log.located(positions[-1], key)
        return [*lines, ended(self.chain, size=len(lines), head=heads[-1], at=at, key=key, log=located)]

    def end(self, *, size: int, head: bytes, signer: Ed25519PrivateKey | None = None) -> bytes:
        """Return an end after ``size`` entries; the log holds the one with the hash ``head``."""
        key, log = signer or self.ledger, MemoryLog()
        located = log.located(log.append(head), self.ledger)
        at = int(self.statements[size - 1]["at"])
        return ended(self.chain, size=size, head=head, at=at, key=key, log=located)

    def file(self, lines: list[bytes] | None = None) -> bytes:
        """Return the bundle of ``lines``, or of the chain."""
        return b"".join(bundled(about_chain(self.chain), self.lines() if lines is None else lines))


def approved_story(**options: Any) -> Evidence:
    """Return the incident in which a person approves the restart."""
    evidence = Evidence(**options)
    evidence.minted()
    evidence.allowed()
    evidence.denied()
    evidence.gated()
    evidence.requested()
    approval = evidence.approve()
    evidence.granted(approval)
    evidence.restarted(approval)
    evidence.result()
    evidence.completed()
    return evidence


def denied_story(**options: Any) -> Evidence:
    """Return the incident in which a person denies the restart."""
    evidence = Evidence(**options)
    evidence.minted()
    evidence.gated()
    evidence.requested()
    evidence.refused(evidence.deny())
    evidence.completed()
    return evidence


def edit(line: bytes, **changes: Any) -> bytes:
    """Return a line with other JSON fields, in canonical form."""
    return (json.dumps({**json.loads(line), **changes}, sort_keys=True, separators=(",", ":")) + "\n").encode()


def envelope_of(line: bytes) -> bytes:
    return base64.b64decode(json.loads(line)["entry"])
