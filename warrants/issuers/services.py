"""Making the issuer's key, and having it vouch for the service's keys."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import custody
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.statements.statements import Context, sign
from warrants.issuers.signing import statement_key, wrapping_purpose
from warrants.models import Endorsement, IssuerKey

ROOT = "root"


def ensure_issuer(*, name: str = ROOT) -> IssuerKey:
    """Return the issuer ``name``, making its key if there is none. Two processes at once end with one key.

    Raises ``CustodyError`` if keys cannot be stored.
    """
    return IssuerKey.objects.filter(name=name).first() or _make(name)


@transaction.atomic
def endorsements() -> list[bytes]:
    """Return the root issuer's signed endorsements of the ledger and receipts keys, making what is missing.

    Receipts keys are this installation's own and those of ``settings.WORKER_RECEIPT_KEYS``.

    An endorsement is the envelope of ``{"version": 1, "role": text, "key": bytes 32, "issued_at": seconds}``.
    Raises ``CustodyError``.
    """
    issuer = ensure_issuer()
    own = [(purpose, bytes(ensure_service_key(purpose=purpose).public_key)) for purpose in Purpose]
    elsewhere = [(Purpose.RECEIPTS, key) for key in settings.WORKER_RECEIPT_KEYS]
    return [_endorsement(issuer, purpose, key) for purpose, key in [*own, *elsewhere]]


def _make(name: str) -> IssuerKey:
    private_key = Ed25519PrivateKey.generate()
    wrapped = custody.wrap(private_key.private_bytes_raw(), purpose=wrapping_purpose(name))
    issuer, _ = IssuerKey.objects.get_or_create(
        name=name,
        defaults={"public_key": private_key.public_key().public_bytes_raw(), "wrapped_private_key": wrapped},
    )
    return issuer


def _endorsement(issuer: IssuerKey, purpose: Purpose, key: bytes) -> bytes:
    found = Endorsement.objects.filter(issuer=issuer, role=purpose.value, key=key).first()
    return bytes((found or _endorse(issuer, purpose, key)).envelope)


def _endorse(issuer: IssuerKey, purpose: Purpose, key: bytes) -> Endorsement:
    now = timezone.now()
    facts = {"role": purpose.value, "key": key, "issued_at": int(now.timestamp())}
    envelope = sign(Context.ENDORSEMENT, facts, statement_key(issuer))
    row, _ = Endorsement.objects.get_or_create(
        issuer=issuer,
        role=purpose.value,
        key=key,
        defaults={"envelope": envelope.to_bytes(), "issued_at": now},
    )
    return row
