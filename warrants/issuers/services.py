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
from warrants.errors import IssuerExists, IssuerUnavailable
from warrants.issuers.contracts import Keeper, State
from warrants.issuers.keepers.aws_kms import kms_key
from warrants.issuers.signing import signer_of, token_key, wrapping_purpose
from warrants.models import Endorsement, IssuerKey

ROOT = "root"


def ensure_issuer() -> IssuerKey:
    """Return the issuer that signs now, making the first where ``settings.ISSUER_KEEPER`` says if there is none.

    Two processes at once end with one key. Raises ``IssuerUnavailable`` if it cannot be kept there.
    """
    active = IssuerKey.objects.filter(state=State.ACTIVE).first() or make_issuer(ROOT, State.ACTIVE)
    if active.state != State.ACTIVE:
        raise IssuerUnavailable(f"No issuer is active here, though there is one named {active.name}.")
    return active


def lock_issuer() -> IssuerKey:
    """Return the issuer that signs now, locked until the transaction ends.

    One transaction at a time signs lists, so that none is left out of the next version, and warrants, so that none is
    minted past a stop; and none signs with an issuer that another one is replacing. Raises ``IssuerUnavailable``.
    """
    issuer = None
    while issuer is None:
        # Whoever waited for a switch finds that the issuer waited for signs no more, and takes the next.
        issuer = IssuerKey.objects.select_for_update().filter(pk=ensure_issuer().pk, state=State.ACTIVE).first()
    return issuer


def make_issuer(name: str, state: State, *, kms_key_id: str = "") -> IssuerKey:
    """Return the issuer ``name``, made in ``state`` if there is none, its key kept as ``settings.ISSUER_KEEPER`` says.

    ``kms_key_id`` is the KMS key for it, else the settings name one. Raises ``IssuerExists`` for a key that
    another issuer has, and ``IssuerUnavailable``.
    """
    keeper = Keeper(settings.ISSUER_KEEPER)
    try:
        if keeper is Keeper.PKCS11:
            kept = _in_token(name)
        elif keeper is Keeper.AWS_KMS:
            kept = _in_kms(kms_key_id or settings.ISSUER_KMS_KEY_ID)
        else:
            kept = _wrapped(name)
    except custody.CustodyError as error:
        raise IssuerUnavailable(str(error)) from error
    other = IssuerKey.objects.filter(public_key=kept["public_key"]).exclude(name=name).first()
    if other is not None:
        raise IssuerExists(
            f"That is the key of {other.name}. A new issuer needs another one: name it (--kms-key-id).",
            field="kms_key_id",
        )
    issuer, _ = IssuerKey.objects.get_or_create(name=name, defaults={"keeper": keeper, "state": state, **kept})
    return issuer


@transaction.atomic
def endorsements() -> list[bytes]:
    """Return the active issuer's signed endorsements of the ledger and receipts keys, making what is missing.

    Receipts keys are this installation's own and those of ``settings.WORKER_RECEIPT_KEYS``.

    An endorsement is the envelope of ``{"version": 1, "role": text, "key": bytes 32, "issued_at": seconds}``.
    Raises ``CustodyError``.
    """
    issuer = ensure_issuer()
    return [_endorsement(issuer, purpose, key) for purpose, key in endorsed_keys()]


def every_endorsement() -> list[bytes]:
    """Return the active issuer's endorsements and those that others gave before: old evidence leads to old roots.

    Raises ``CustodyError``.
    """
    own = endorsements()
    earlier = Endorsement.objects.filter(key__in=[key for _, key in endorsed_keys()])
    return own + [
        envelope for envelope in map(bytes, earlier.values_list("envelope", flat=True)) if envelope not in own
    ]


def endorsed_keys() -> list[tuple[Purpose, bytes]]:
    """Return which keys an issuer vouches for, each with what it is for."""
    own = [(purpose, bytes(ensure_service_key(purpose=purpose).public_key)) for purpose in Purpose]
    return [*own, *((Purpose.RECEIPTS, key) for key in settings.WORKER_RECEIPT_KEYS)]


def _wrapped(name: str) -> dict[str, object]:
    private_key = Ed25519PrivateKey.generate()
    wrapped = custody.wrap(private_key.private_bytes_raw(), purpose=wrapping_purpose(name))
    return {"public_key": private_key.public_key().public_bytes_raw(), "wrapped_private_key": wrapped}


def _in_token(name: str) -> dict[str, object]:
    # One label is one key: an issuer beside the root gets a label of its own.
    label = settings.ISSUER_PKCS11_KEY if name == ROOT else f"{settings.ISSUER_PKCS11_KEY}-{name}"
    return {"public_key": token_key(label).ensure(), "kept_as": label}


def _in_kms(key_id: str) -> dict[str, object]:
    # An alias may mean another key tomorrow, so the ARN is what is kept.
    arn, public_key = kms_key(key_id).find()
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
