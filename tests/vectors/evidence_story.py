"""The incident that evidence vectors tell, with fixed keys, times and warrant identifiers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements import cbor, place
from audit.statements.attenuating import attenuation_of
from audit.statements.kinds import EntryKind
from audit.statements.terms import EXTENSION, Terms
from audit.verify.warrants import parse
from tests.audit.evidence import READ, RESTART, RUN, TERMS, WORKER, Evidence, private_key
from tests.vectors.parts import ISSUED_AT, WARRANT_CONTEXT
from tests.vectors.warrants import encoded

_RECEIPT_CONTEXT = b"tenuo-warrant-v1" + b"tenuo-receipt-v1" + b"\x01"
UP_TO_100 = {"min": None, "max": 100.0, "min_inclusive": True, "max_inclusive": True}
TWO_MAY_DENY = replace(TERMS, one_denial_ends=False)


def logs_alone(payload: dict[int, Any]) -> None:
    """What a helper gets: it reads up to 100 lines of a log, and nothing else."""
    payload[3] = {"read_logs": {"constraints": {"lines": [3, UP_TO_100], "service": [16, None]}}}
    payload[10] = {}


def key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


STRANGER = key(99)


@dataclass
class Story(Evidence):
    """``Evidence`` with nothing left to chance. ``extensions`` are further ones of the warrant."""

    now: int = ISSUED_AT + 30
    root: Ed25519PrivateKey = field(default_factory=lambda: key(21))
    ledger: Ed25519PrivateKey = field(default_factory=lambda: key(22))
    receipts: Ed25519PrivateKey = field(default_factory=lambda: key(23))
    holder: Ed25519PrivateKey = field(default_factory=lambda: key(24))
    lead: Ed25519PrivateKey = field(default_factory=lambda: key(25))
    other: Ed25519PrivateKey = field(default_factory=lambda: key(26))
    people_root: Ed25519PrivateKey = field(default_factory=lambda: key(27))
    administrator: Ed25519PrivateKey = field(default_factory=lambda: key(28))
    extensions: dict[str, bytes] = field(default_factory=dict)
    number: int = 1
    change: Callable[[dict[int, Any]], object] = lambda payload: None
    trusted_root: Ed25519PrivateKey | None = None

    @property
    def trusted_root_hex(self) -> str:
        return (self.trusted_root or self.root).public_key().public_bytes_raw().hex()

    def issue(self, issuer: Ed25519PrivateKey) -> tenuo_core.Warrant:
        payload = cbor2.loads(bytes(super().issue(issuer).payload_bytes))
        payload |= {1: bytes([self.number]) * 16, 6: self.now - 10, 7: self.now + 3590}
        added = {name: list(data) for name, data in self.extensions.items()}
        payload[10] = dict(sorted({**payload[10], **added}.items()))
        self.change(payload)
        return signed(payload, issuer)

    def handed_on(self, change: Callable[[dict[int, Any]], object], holder: Ed25519PrivateKey) -> None:
        """Go on with a child warrant that the holder gives to ``holder``, its payload changed by ``change``."""
        parent = cbor2.loads(bytes(self.warrant.payload_bytes))
        payload = {
            **parent,
            1: bytes([self.number + 100]) * 16,
            4: [1, holder.public_key().public_bytes_raw()],
            5: parent[4],
            7: parent[7] - 60,
            9: list(hashlib.sha256(bytes(self.warrant.payload_bytes)).digest()),
            18: parent[18] + 1,
        }
        kept = parent[10].get("tenuo.approval_gates")
        payload[10] = {"tenuo.approval_gates": kept} if kept else {}
        change(payload)
        self.warrant = signed(payload, self.holder)
        self.warrant_chain = [*self.warrant_chain, bytes(self.warrant.to_bytes())]
        self.holder = holder

    def handed_on_and_told(self, change: Callable[[dict[int, Any]], object], **lies: Any) -> None:
        """Hand a warrant on, and record it; ``lies`` replace what the entry says of it."""
        self.handed_on(change, key(29))
        self.add(EntryKind.WARRANT_ATTENUATED, {**attenuation_of(parse(self.warrant_chain)), **lies})

    def forged(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        kind: EntryKind = EntryKind.CALL_ALLOWED,
        code: str = "",
        at: int = 0,
        approvals: tuple[bytes, ...] = (),
        request_id: str = "",
        proof: bytes | None = None,
        **changes: Any,
    ) -> int:
        """Record a call with a receipt as a bad worker could sign it, whatever Tenuo would have said."""
        self.worker_sequence += 1
        at = at or self.now
        activity_id = str(self.worker_sequence)
        if proof is None:
            proof = bytes(self.warrant.sign(private_key(self.holder), tool, arguments, at))
        chain = [tenuo_core.Warrant.from_bytes(data) for data in self.warrant_chain]
        stack = base64.urlsafe_b64decode(str(tenuo_core.encode_warrant_stack(chain)) + "===")
        payload = {
            0: 1,
            2: stack,
            3: tool,
            4: "allow" if kind is EntryKind.CALL_ALLOWED else "deny",
            5: at,
            7: self.request_hash(tool, arguments),
            8: proof,
            9: request_id or activity_id,
            **({10: code} if code else {}),
        }
        data = encoded(payload)
        own = self.receipts.public_key().public_bytes_raw()
        signature = self.receipts.sign(_RECEIPT_CONTEXT + data)
        wire = {"receipt_version": 1, "payload": data, "signer_key": [1, own], "signature": [1, signature]}
        details = {
            "receipt": cbor2.dumps(wire),
            "tool": tool,
            "warrant_chain": self.warrant_chain,
            "proof_of_possession": proof,
            "approvals": list(approvals),
            "key_endorsements": list(self.key_endorsements if approvals else []),
            **RUN,
            "activity_id": activity_id,
            "attempt": 1,
            "decided_at_ms": at * 1000 + 123,
            "worker": WORKER,
            "worker_sequence": self.worker_sequence,
            "request_id": request_id,
            "code": code.replace("-", "_"),
            "detail": "",
            **changes,
        }
        return self.add(kind, details, {"arguments": cbor.encode(arguments)}, at=at)

    def asked(self) -> Story:
        """Tell how the incident began and people were asked."""
        self.minted()
        self.requested()
        return self

    def approved(self) -> bytes:
        """Tell how people were asked and one approved; return the approval."""
        self.asked()
        approval = self.approve()
        self.granted(approval)
        return approval

    def ran(self) -> Story:
        """Tell how one person approved and the call ran."""
        self.restarted(self.approved())
        return self

    def detail(self, line: int, **changes: Any) -> None:
        self.statements[line - 1]["details"].update(changes)


def signed(payload: dict[int, Any], issuer: Ed25519PrivateKey) -> tenuo_core.Warrant:
    data = encoded(dict(sorted(payload.items())))
    return tenuo_core.Warrant.from_bytes(cbor2.dumps([1, data, [1, issuer.sign(WARRANT_CONTEXT + data)]]))


def whole() -> Story:
    """Return the incident in which a person approves the restart, from its beginning to its end."""
    story = Story()
    story.minted()
    story.allowed()
    story.denied()
    story.gated()
    story.requested()
    approval = story.approve()
    story.granted(approval)
    story.restarted(approval)
    story.result()
    story.completed()
    return story


def with_terms(**changes: Any) -> Terms:
    return replace(TERMS, **changes)


def told(story: Story, lines: list[bytes] | None = None) -> tuple[Story, bytes]:
    return story, story.file(lines)


__all__ = ["EXTENSION", "READ", "RESTART", "STRANGER", "TWO_MAY_DENY", "Story", "key", "place", "told", "whole"]
