"""Making, naming and revoking the keys of people's browsers.

The server sees only public keys. It enrols one when the key itself has signed a fresh challenge of ours,
for the person who is signed in, in a page of this site.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import (
    InvalidName,
    InvalidReason,
    KeyTaken,
    LateChallenge,
    NotAnAdministrator,
    NotAnApprover,
    SpentChallenge,
    UnknownChallenge,
    UnknownKey,
    WrongIdentity,
    WrongOrigin,
)
from accounts.keys.enrolment import CHALLENGE_BYTES, Enrolment, parse
from accounts.keys.weakness import refuse_weak
from accounts.models import ApproverKey, EnrolmentChallenge, Person
from accounts.models.approver_key import MAXIMUM_NAME
from accounts.notices.services import tell
from accounts.roles.contracts import EVERYWHERE, KEY_HOLDERS, Role
from accounts.roles.queries import has_role
from audit.ledger.services import append
from audit.statements.kinds import EntryKind

CHALLENGE_LIFETIME = timedelta(minutes=10)
MAXIMUM_REASON = 500
KEYS_CHAIN = "keys"


@transaction.atomic
def begin_enrolment(*, person: Person) -> bytes:
    """Return 32 fresh bytes for a new key of ``person`` to sign within ten minutes. Raises ``NotAnApprover``."""
    _require_key_holder(person)
    now = timezone.now()
    EnrolmentChallenge.objects.filter(expires_at__lt=now).delete()
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    EnrolmentChallenge.objects.create(
        person=person, challenge=challenge, issued_at=now, expires_at=now + CHALLENGE_LIFETIME
    )
    return challenge


@transaction.atomic
def enrol(*, person: Person, envelope: bytes, name: str, origin: str) -> ApproverKey:
    """Enrol the key that signed ``envelope`` (see ``accounts.keys.enrolment``) and return it.

    ``origin`` is where this site lives, such as ``https://countersign.example.com``.

    1. The person is an approver or a security administrator, and the name is usable.
    2. The statement has the right form.
    3. It names this person and this site.
    4. The key is not one that anybody can sign for.
    5. The key signed the statement.
    6. The challenge was given to this person, less than ten minutes ago, and not used since.
    7. Nobody has enrolled this key before.

    Raises the error of the first that fails; then nothing was written.
    """
    _require_key_holder(person)  # 1
    name = _clean_name(name)
    enrolment = parse(envelope)  # 2
    _check_address(enrolment, person, origin)  # 3
    refuse_weak(enrolment.public_key)  # 4
    enrolment.verify()  # 5
    _spend_challenge(enrolment, person)  # 6
    has_others = ApproverKey.objects.filter(person=person, revoked_at=None).exists()
    key = _create(enrolment, person, name)  # 7
    _record(EntryKind.KEY_ENROLLED, key, {"name": name, "enrolment": envelope})
    if has_others:
        tell(
            person=person,
            title="A further key was enrolled in your name",
            text=f"“{name}” ({key.short}) can sign for you once it is endorsed. If you did not make it, revoke it.",
        )
    return key


@transaction.atomic
def rename(*, person: Person, key_id: int, name: str) -> ApproverKey:
    """Give a key of ``person`` another name. Raises ``UnknownKey`` and ``InvalidName``."""
    key = _lock_key(person, key_id)
    key.name = _clean_name(name)
    key.save(update_fields=["name"])
    return key


@transaction.atomic
def revoke(*, person: Person, key_id: int, reason: str) -> ApproverKey:
    """Revoke a key of ``person`` for good; what it signed before stays valid evidence.

    Revoking twice keeps the first time and reason. Raises ``UnknownKey`` and ``InvalidReason``.
    """
    reason = _clean_reason(reason)
    key = _lock_key(person, key_id)
    if not key.is_revoked:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        _record(EntryKind.KEY_REVOKED, key, {"reason": reason, "revoked_by": person.external_id})
    return key


@transaction.atomic
def revoke_for(*, administrator: Person, key_id: int, reason: str) -> ApproverKey:
    """Let a security administrator revoke anybody's key for good, saying why; its person is told.

    Revoking twice keeps the first time and reason. Raises ``NotAnAdministrator``, ``UnknownKey`` and
    ``InvalidReason``.
    """
    if not has_role(administrator, Role.SECURITY_ADMINISTRATOR, namespace=EVERYWHERE):
        raise NotAnAdministrator
    reason = _clean_reason(reason)
    if not reason:
        raise InvalidReason(maximum=MAXIMUM_REASON)
    key = ApproverKey.objects.select_for_update(of=("self",)).select_related("person").filter(pk=key_id).first()
    if key is None:
        raise UnknownKey
    if not key.is_revoked:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        _record(EntryKind.KEY_REVOKED, key, {"reason": reason, "revoked_by": administrator.external_id})
        tell(
            person=key.person,
            title="A key of yours was revoked",
            text=f"{administrator.display_name} revoked “{key.name}” ({key.short}): {reason}",
        )
    return key


def _require_key_holder(person: Person) -> None:
    if not any(has_role(person, role) for role in KEY_HOLDERS):
        raise NotAnApprover


def _check_address(enrolment: Enrolment, person: Person, origin: str) -> None:
    if enrolment.issuer != person.issuer:
        raise WrongIdentity(field="issuer")
    if enrolment.subject != person.subject:
        raise WrongIdentity(field="subject")
    if enrolment.origin != origin:
        raise WrongOrigin(signed_at=enrolment.origin, expected=origin)


def _spend_challenge(enrolment: Enrolment, person: Person) -> None:
    row = EnrolmentChallenge.objects.select_for_update().filter(person=person, challenge=enrolment.challenge).first()
    now = timezone.now()
    if row is None:
        raise UnknownChallenge
    if row.spent_at is not None:
        raise SpentChallenge
    if row.expires_at <= now:
        raise LateChallenge
    row.spent_at = now
    row.save(update_fields=["spent_at"])


def _create(enrolment: Enrolment, person: Person, name: str) -> ApproverKey:
    try:
        with transaction.atomic():
            return ApproverKey.objects.create(
                person=person,
                public_key=enrolment.public_key,
                name=name,
                strength=enrolment.strength,
                proof=enrolment.envelope.to_bytes(),
            )
    except IntegrityError as error:
        raise KeyTaken from error


def _lock_key(person: Person, key_id: int) -> ApproverKey:
    key = ApproverKey.objects.select_for_update().filter(person=person, pk=key_id).first()
    if key is None:
        raise UnknownKey
    return key


def _record(kind: EntryKind, key: ApproverKey, details: dict[str, object]) -> None:
    identity = {"person": key.person.external_id, "key": bytes(key.public_key)}
    append(chain=KEYS_CHAIN, kind=kind, details={**identity, **details})


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAXIMUM_NAME or not name.isprintable():
        raise InvalidName(maximum=MAXIMUM_NAME)
    return name


def _clean_reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if len(reason) > MAXIMUM_REASON or not reason.isprintable():
        raise InvalidReason(maximum=MAXIMUM_REASON)
    return reason
