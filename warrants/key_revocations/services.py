"""The list of people's revoked keys that workers get, signed by the issuer. A number is signed once."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from accounts.keys.queries import revocation_times
from audit.statements.statements import Context, sign
from warrants.issuers.services import lock_issuer
from warrants.issuers.signing import signer_of
from warrants.models import IssuerKey, KeyRevocationList


def signed_list() -> bytes | None:
    """Return the newest list of revoked keys, signing a new one if a key was revoked since; None if none ever was.

    Its form is that of ``workers.gates.key_revocations``. Raises ``CustodyError``.
    """
    times = revocation_times()
    newest = KeyRevocationList.objects.order_by("-number").first()
    # Keys are never forgotten and a revocation is never taken back, so the count says whether there is news.
    if newest is not None and newest.revoked_keys >= len(times):
        return bytes(newest.envelope)
    return _sign_next() if times else None


def sign_anew(issuer: IssuerKey) -> KeyRevocationList | None:
    """Return the next list, signed by ``issuer``, which has become the active one; None if no key was ever revoked.

    Raises ``CustodyError``.
    """
    newest = KeyRevocationList.objects.order_by("-number").first()
    return _sign(issuer, revocation_times(), newest) if newest is not None else None


@transaction.atomic
def _sign_next() -> bytes:
    issuer = lock_issuer()
    times = revocation_times()
    newest = KeyRevocationList.objects.order_by("-number").first()
    if newest is not None and newest.revoked_keys >= len(times):
        return bytes(newest.envelope)  # another worker was faster
    return bytes(_sign(issuer, times, newest).envelope)


def _sign(issuer: IssuerKey, times: Mapping[bytes, int], newest: KeyRevocationList | None) -> KeyRevocationList:
    now = timezone.now()
    number = newest.number + 1 if newest else 1
    keys = [{"at": at, "key": key} for key, at in sorted(times.items())]
    facts = {"at": int(now.timestamp() * 1000), "keys": keys, "number": number}
    envelope = sign(Context.KEY_REVOCATIONS, facts, signer_of(issuer)).to_bytes()
    return KeyRevocationList.objects.create(
        number=number, issuer=issuer, envelope=envelope, revoked_keys=len(times), signed_at=now
    )
