"""People's keys that are endorsed, by a people root of the tests whose private key is not forgotten."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import ApproverKey, KeyEndorsement, PeopleRoot
from audit.statements.key_endorsements import PEOPLE_ROOT, EndorsedRole, facts_of
from audit.statements.statements import Context, sign

ROOT_KEY = Ed25519PrivateKey.from_private_bytes(b"\x21" * 32)
ROOT = ROOT_KEY.public_key().public_bytes_raw()
APPROVER, ADMINISTRATOR = EndorsedRole.APPROVER, EndorsedRole.SECURITY_ADMINISTRATOR


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def statement(
    key: bytes, person: str, role: EndorsedRole = APPROVER, /, *, by: Ed25519PrivateKey = ROOT_KEY, **changes: Any
) -> bytes:
    """Return a signed endorsement; ``changes`` replace facts."""
    facts = facts_of(key=key, person=person, role=role, strength="ordinary", at=now_ms())
    return sign(Context.KEY_ENDORSEMENT, {**facts, **changes}, by).to_bytes()


def ensure_people_root() -> PeopleRoot:
    """Return the tests' people root, as the ceremony would have left it."""
    root, _ = PeopleRoot.objects.get_or_create(public_key=ROOT, defaults={"person": "local:root"})
    return root


def endorsed(key: ApproverKey, *roles: EndorsedRole) -> ApproverKey:
    """Return ``key`` after the people root has endorsed it, as an approver's unless other roles are named."""
    root = ensure_people_root()
    for role in roles or (APPROVER,):
        envelope = statement(bytes(key.public_key), key.person.external_id, role, strength=key.strength)
        KeyEndorsement.objects.get_or_create(
            key=key,
            people_root=root,
            role=role.value,
            endorser=PEOPLE_ROOT,
            defaults={"endorser_key": ROOT, "envelope": envelope, "signed_at": datetime.now(UTC)},
        )
    return key
