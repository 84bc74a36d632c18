"""What the vectors are made from: fixed keys, identifiers, times, and one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tenuo_core as tenuo
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.contracts import CallRecord
from approvals.signing.binding import Binding
from approvals.signing.display import Display
from audit.statements.terms import Terms

HERE = Path(__file__).resolve().parent
ISSUED_AT = 1_767_225_600  # 2026-01-01T00:00:00Z
NOW = ISSUED_AT + 600
EXPIRES_AT = ISSUED_AT + 3600
TOOL = "restart_service"
ARGUMENTS: dict[str, Any] = {"name": "payment-service-prod", "environment": "production"}
TERMS = Terms("incident-response", 2, bytes(32), 600, one_denial_ends=True, barred_people=("local:raiser",))
DISPLAY = Display(
    workflow_type="IncidentWorkflow",
    threshold=1,
    gate_message="Restarting production needs a person.",
    reasoning="The error rate rose after the deploy.\nThe runbook says: restart.",
    history=(
        CallRecord("read_logs", "allowed", ISSUED_AT * 1000 + 1, arguments_cbor="oWdzZXJ2aWNlaHBheW1lbnRz"),
        CallRecord("delete_database", "denied", ISSUED_AT * 1000 + 2, "tool_not_authorized", "not in the warrant"),
        CallRecord(TOOL, "gated", ISSUED_AT * 1000 + 3, "approval_required"),
    ),
)
BINDING = Binding(
    request_id="req_01",
    namespace="default",
    workflow_id="incident-P1042",
    run_id="0198c0de-0000-7000-8000-000000000001",
    display_digest=DISPLAY.digest,
    policy_version=TERMS.policy_label,
)
EXTERNAL_ID = "local:maria"
ORIGIN = "http://localhost:5050"
SEEDS = {"root": 1, "agent": 2, "helper": 3, "maria": 4, "jonas": 5, "stranger": 6, "second_helper": 7}
SEEDS |= {"people_root": 8, "link_1": 9, "link_2": 10}
WARRANT_CONTEXT = b"tenuo-warrant-v1\x01"

Vector = dict[str, Any]


def seed(who: str) -> bytes:
    return bytes([SEEDS[who]]) * 32


def key(who: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed(who))


def public(who: str) -> bytes:
    return key(who).public_key().public_bytes_raw()


def tenuo_key(who: str) -> Any:
    return tenuo.SigningKey.from_bytes(seed(who))


def flipped(data: bytes, index: int) -> bytes:
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


def flip_inside(data: bytes, part: bytes) -> bytes:
    return flipped(data, data.index(part))
