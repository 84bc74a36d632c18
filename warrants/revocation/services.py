"""Taking warrants back. Each revocation makes the next signed list; a version is signed once and never again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from tenuo_core import SignedRevocationList

from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from warrants.errors import InvalidReason, UnknownWarrant
from warrants.issuers.services import ensure_issuer
from warrants.issuers.signing import signer_of
from warrants.models import IssuerKey, Revocation, RevocationList, Warrant
from warrants.revocation.signing import signed

MAXIMUM_REASON = 500
# A warrant that has been expired for so long is refused for that alone, whatever a worker's clock says.
_KEPT_AFTER_EXPIRY = timedelta(days=1)


@transaction.atomic
def revoke(*, warrant_id: str, reason: str, revoked_by: str) -> Revocation:
    """Take a warrant back for good, sign the list that says so, and record it.

    ``revoked_by`` names who did it, as in ``Person.external_id``. Revoking twice keeps the first time, reason and
    person. Raises ``UnknownWarrant``, ``InvalidReason`` and ``CustodyError``.
    """
    reason = _clean(reason)
    issuer = _lock(ensure_issuer())
    warrant = Warrant.objects.filter(pk=warrant_id).first()
    if warrant is None:
        raise UnknownWarrant
    existing = Revocation.objects.filter(warrant=warrant).first()
    if existing is not None:
        return existing
    now = timezone.now()
    revocation = Revocation.objects.create(
        warrant=warrant,
        reason=reason,
        revoked_by=revoked_by,
        revoked_at=now,
        first_list=_sign_next(issuer, warrant, now),
    )
    append(
        chain=warrant.id,
        kind=EntryKind.WARRANT_REVOKED,
        details={"warrant_id": warrant.id, "reason": reason, "person": revoked_by},
    )
    return revocation


def signed_list() -> bytes | None:
    """Return the newest list, signed by the issuer, or None if nothing was ever revoked."""
    data = RevocationList.objects.order_by("-version").values_list("data", flat=True).first()
    return None if data is None else bytes(data)


def _lock(issuer: IssuerKey) -> IssuerKey:
    """Let one transaction at a time sign lists, so that none is left out of the next version."""
    return IssuerKey.objects.select_for_update().get(pk=issuer.pk)


def _sign_next(issuer: IssuerKey, warrant: Warrant, now: datetime) -> RevocationList:
    newest = RevocationList.objects.order_by("-version").first()
    version = newest.version + 1 if newest else 1
    living = Revocation.objects.filter(warrant__expires_at__gt=now - _KEPT_AFTER_EXPIRY)
    builder = SignedRevocationList.builder().version(version)
    for revoked in [*living.order_by("pk").values_list("warrant_id", flat=True), warrant.pk]:
        builder = builder.revoke(revoked)
    return RevocationList.objects.create(
        version=version, issuer=issuer, data=signed(builder, signer_of(issuer)), signed_at=now
    )


def _clean(reason: str) -> str:
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MAXIMUM_REASON or not reason.isprintable():
        raise InvalidReason(maximum=MAXIMUM_REASON)
    return reason
