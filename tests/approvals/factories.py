"""Real keys, real warrants, real signatures: what the tests of approvals (and of their neighbours) start from."""

from __future__ import annotations

import base64
import dataclasses
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from accounts.keys.services import begin_enrolment, enrol
from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.contracts import GateRequest
from approvals.models import ApprovalRequest
from approvals.requests import services
from approvals.requests.chain import parse
from approvals.requests.shown import binding_of
from approvals.signing import approval as approvals
from approvals.signing import denial as denials
from approvals.signing import retraction as retractions
from approvals.signing.approval import ApprovalTerms, assemble, encode_payload, signed_message
from approvals.signing.binding import Binding
from approvals.signing.display import Display, fitted
from audit.statements import cbor
from audit.statements.statements import Context, sign
from audit.statements.terms import EXTENSION as TERMS
from audit.statements.terms import Terms
from tests import people
from tests.endorsing import endorsed
from tests.extending import policy_label_of
from warrants.issuers.contracts import State
from warrants.minting.extending import with_extensions
from warrants.models import IssuerKey

TOOL = "restart_service"
ARGUMENTS: dict[str, Any] = {"service": "payment-service-prod", "environment": "production"}


def person(
    username: str = "ada", *, role: Role | None = Role.APPROVER, display_name: str = "", namespace: str = ""
) -> Person:
    """Return a new person; ``role`` None makes an outsider, ``namespace`` says where they hold it."""
    roles = [role] if role is not None else []
    return people.person(username, *roles, namespace=namespace, display_name=display_name)


def enrol_key(of: Person, *, name: str = "Laptop", endorse: bool = True) -> Ed25519PrivateKey:
    """Return a new key that ``of`` has enrolled as a browser would, endorsed unless told otherwise."""
    private_key = Ed25519PrivateKey.generate()
    facts = {
        "challenge": begin_enrolment(person=of),
        "issuer": of.issuer,
        "subject": of.subject,
        "public_key": private_key.public_key().public_bytes_raw(),
        "origin": settings.SITE_ROOT,
        "strength": "ordinary",
    }
    envelope = sign(Context.ENROLMENT, facts, private_key).to_bytes()
    key = enrol(person=of, envelope=envelope, name=name, origin=settings.SITE_ROOT)
    if endorse:
        endorsed(key)
    return private_key


@dataclass(frozen=True)
class Approver:
    """A person with one of their keys."""

    person: Person
    private_key: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        return self.private_key.public_key().public_bytes_raw()

    def sign_approval(self, approval_request: ApprovalRequest, **changes: Any) -> bytes:
        """Return SignedApproval bytes for a request. ``changes`` replace fields of the terms or the binding."""
        return sign_approval(self.private_key, approval_request, self.person.external_id, **changes)

    def sign_denial(self, approval_request: ApprovalRequest, **changes: Any) -> bytes:
        """Return denial envelope bytes for a request. ``changes`` replace facts."""
        return sign_denial(self.private_key, approval_request, self.person.external_id, **changes)

    def sign_retraction(self, approval_request: ApprovalRequest, approval: bytes, **changes: Any) -> bytes:
        """Return retraction envelope bytes for an approval of a request. ``changes`` replace facts."""
        facts = retractions.facts(
            request_hash=bytes(approval_request.request_hash),
            nonce=approvals.parse(approval).terms.nonce,
            external_id=self.person.external_id,
            retracted_at=int(time.time()),
            binding=binding(approval_request),
        )
        return sign(Context.RETRACTION, {**facts, **changes}, self.private_key).to_bytes()


def approver(username: str = "ada", *, namespace: str = "") -> Approver:
    made = person(username, namespace=namespace)
    return Approver(made, enrol_key(made))


def reachable(approver: Approver) -> Approver:
    """Return ``approver`` with a mail address."""
    approver.person.email = f"{approver.person.username}@mail.example"
    approver.person.save(update_fields=["email"])
    return approver


@dataclass(frozen=True)
class Minted:
    """A warrant with all of its keys. ``chain`` is root first."""

    chain: list[bytes]
    issuer: tenuo_core.SigningKey
    holder: tenuo_core.SigningKey

    @property
    def leaf(self) -> tenuo_core.Warrant:
        return tenuo_core.Warrant.from_bytes(self.chain[-1])


def mint(
    *approvers: Approver | bytes,
    min_approvals: int | None = None,
    ttl_seconds: int = 3600,
    trusted: bool = True,
    issuer: tenuo_core.SigningKey | None = None,
    holder: tenuo_core.SigningKey | None = None,
    terms: Terms | None = None,
    extensions: dict[str, bytes] | None = None,
) -> Minted:
    """Return a warrant that gates ``TOOL`` outside staging; its issuer is a trusted root unless told otherwise.

    ``terms`` are its policy's; without any it is a warrant that was minted elsewhere.
    """
    issuer = issuer or tenuo_core.SigningKey.generate()
    holder = holder or tenuo_core.SigningKey.generate()
    if trusted:
        trust(issuer.public_key_bytes())
    keys = [who.public_key if isinstance(who, Approver) else who for who in approvers]
    warrant = tenuo_core.Warrant.issue(
        issuer,
        capabilities={
            TOOL: {
                "service": tenuo_core.Wildcard(),
                "environment": tenuo_core.OneOf(["production", "staging"]),
            },
            "read_logs": {"service": tenuo_core.Wildcard()},
            "run_query": {"text": tenuo_core.Wildcard()},
        },
        ttl_seconds=ttl_seconds,
        holder=holder.public_key,
        required_approvers=[tenuo_core.PublicKey.from_bytes(key) for key in keys] or None,
        min_approvals=min_approvals if keys else None,
        approval_gates={
            TOOL: {"environment": {"exempt": tenuo_core.OneOf(["staging"])}},
            "run_query": None,
        },
    )
    added = {**({} if terms is None else {TERMS: terms.to_bytes()}), **(extensions or {})}
    if added:
        own = Ed25519PrivateKey.from_private_bytes(bytes(issuer.secret_key_bytes()))
        warrant = with_extensions(warrant, added, own)
    return Minted([bytes(warrant.to_bytes())], issuer, holder)


def gate_request(
    minted: Minted, *, tool: str = TOOL, arguments: dict[str, Any] | None = None, **changes: Any
) -> GateRequest:
    """Return what a gate sends for a call under ``minted``, with ``changes`` fitted and hashed as a gate would.

    Replace fields afterwards to send what no gate sends.
    """
    arguments = ARGUMENTS if arguments is None else arguments
    leaf, now = minted.leaf, int(time.time())
    made = GateRequest(
        request_id=f"req_{uuid.uuid4().hex}",
        namespace="default",
        workflow_id="incident-P1042",
        run_id=str(uuid.uuid4()),
        workflow_type="IncidentWorkflow",
        tool=tool,
        arguments_cbor=base64.b64encode(cbor.encode(arguments)).decode(),
        request_hash=bytes(tenuo_core.py_compute_request_hash(leaf.id, tool, arguments, leaf.authorized_holder)).hex(),
        warrant_chain=[base64.b64encode(warrant).decode() for warrant in minted.chain],
        gate_message="A restart in production needs a person.",
        reasoning="The error rate rose after the last deploy. A restart clears the connection pool.",
        opened_at_ms=now * 1000,
        expires_at=now + 1800,
        display_digest="",
        policy_version=policy_label_of(leaf),
    )
    changed = dataclasses.replace(made, **changes)
    display = fitted(
        Display(
            changed.workflow_type,
            leaf.approval_threshold(),
            changed.gate_message,
            changed.reasoning,
            tuple(changed.history),
        )
    )
    return dataclasses.replace(
        changed,
        gate_message=display.gate_message,
        reasoning=display.reasoning,
        history=list(display.history),
        display_digest=changed.display_digest or display.digest.hex(),
    )


def open_request(
    *approvers: Approver,
    min_approvals: int = 1,
    terms: Terms | None = None,
    extensions: dict[str, bytes] | None = None,
    **changes: Any,
) -> ApprovalRequest:
    """Return an open request that asks for ``approvers``, under ``terms`` if there are any."""
    minted = mint(*approvers, min_approvals=min_approvals, terms=terms, extensions=extensions)
    return services.open(gate_request=gate_request(minted, **changes))


def binding(approval_request: ApprovalRequest) -> Binding:
    return binding_of(approval_request, parse(approval_request.warrant_chain))


def sign_approval(
    private_key: Ed25519PrivateKey, approval_request: ApprovalRequest, external_id: str, /, **changes: Any
) -> bytes:
    now = int(time.time())
    latest = int(approval_request.expires_at.timestamp())
    bound = {name: changes.pop(name) for name in Binding.__dataclass_fields__ if name in changes}
    terms = ApprovalTerms(
        request_hash=bytes(approval_request.request_hash),
        nonce=secrets.token_bytes(16),
        external_id=external_id,
        approved_at=now,
        expires_at=min(now + settings.SIGNATURE_LIFETIME_SECONDS, latest),
        binding=dataclasses.replace(binding(approval_request), **bound),
        reason="",
    )
    payload = encode_payload(dataclasses.replace(terms, **changes))
    key = private_key.public_key().public_bytes_raw()
    return assemble(payload, key, private_key.sign(signed_message(payload)))


def sign_denial(
    private_key: Ed25519PrivateKey, approval_request: ApprovalRequest, external_id: str, /, **changes: Any
) -> bytes:
    facts = denials.facts(
        request_hash=bytes(approval_request.request_hash),
        nonce=secrets.token_bytes(16),
        external_id=external_id,
        denied_at=int(time.time()),
        reason="The restart would drop payments in flight.",
        binding=binding(approval_request),
    )
    return sign(Context.DENIAL, {**facts, **changes}, private_key).to_bytes()


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def trust(root: bytes) -> None:
    """Make ``root`` a trusted root, as if this service had made it."""
    IssuerKey.objects.get_or_create(public_key=root, defaults={"name": root.hex(), "state": State.OVERLAPPING})
