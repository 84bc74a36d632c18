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
from warrants.errors import IssuerUnavailable
from warrants.issuers.contracts import Keeper
from warrants.issuers.keepers.aws_kms import kms_key
from warrants.issuers.signing import signer_of, token_key, wrapping_purpose
from warrants.models import Endorsement, IssuerKey

ROOT = "root"


def ensure_issuer(*, name: str = ROOT) -> IssuerKey:
    """Return the issuer ``name``, making its key where ``settings.ISSUER_KEEPER`` says if there is none.

    Two processes at once end with one key. Raises ``IssuerUnavailable`` if it cannot be kept there.
    """
    try:
        return IssuerKey.objects.filter(name=name).first() or _make(name)
    except custody.CustodyError as error:
        raise IssuerUnavailable(str(error)) from error


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
    keeper = Keeper(settings.ISSUER_KEEPER)
    making = {Keeper.PKCS11: _in_token, Keeper.AWS_KMS: _in_kms, Keeper.WRAPPED: _wrapped}[keeper]
    issuer, _ = IssuerKey.objects.get_or_create(name=name, defaults={"keeper": keeper, **making(name)})
    return issuer


def _wrapped(name: str) -> dict[str, object]:
    private_key = Ed25519PrivateKey.generate()
    wrapped = custody.wrap(private_key.private_bytes_raw(), purpose=wrapping_purpose(name))
    return {"public_key": private_key.public_key().public_bytes_raw(), "wrapped_private_key": wrapped}


def _in_token(name: str) -> dict[str, object]:
    # One label is one key: an issuer beside the root gets a label of its own.
    label = settings.ISSUER_PKCS11_KEY if name == ROOT else f"{settings.ISSUER_PKCS11_KEY}-{name}"
    return {"public_key": token_key(label).ensure(), "kept_as": label}


def _in_kms(name: str) -> dict[str, object]:
    # An alias may mean another key tomorrow, so the ARN is what is kept.
    arn, public_key = kms_key(settings.ISSUER_KMS_KEY_ID).find()
    return {"public_key": public_key, "kept_as": arn}


def _endorsement(issuer: IssuerKey, purpose: Purpose, key: bytes) -> bytes:
    found = Endorsement.objects.filter(issuer=issuer, role=purpose.value, key=key).first()
    return bytes((found or _endorse(issuer, purpose, key)).envelope)


def _endorse(issuer: IssuerKey, purpose: Purpose, key: bytes) -> Endorsement:
    now = timezone.now()
    facts = {"role": purpose.value, "key": key, "issued_at": int(now.timestamp())}
    envelope = sign(Context.ENDORSEMENT, facts, signer_of(issuer))
    row, _ = Endorsement.objects.get_or_create(
        issuer=issuer,
        role=purpose.value,
        key=key,
        defaults={"envelope": envelope.to_bytes(), "issued_at": now},
    )
    return row
