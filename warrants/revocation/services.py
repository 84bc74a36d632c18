"""Taking warrants back. Each act makes the next signed list; a version is signed once and never again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from tenuo_core import SignedRevocationList

from audit.ledger.services import append
from audit.statements.chains import POLICIES_CHAIN
from audit.statements.kinds import EntryKind
from warrants.errors import InvalidReason, NothingToRevoke, NotStopped, UnknownWarrant
from warrants.issuers.services import lock_issuer
from warrants.issuers.signing import signer_of
from warrants.models import AgentIdentity, IssuerKey, MintingStop, Revocation, RevocationList, Warrant
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.queries import live, stops
from warrants.revocation.signing import signed

MAXIMUM_REASON = 500
MAXIMUM_NAMESPACE = 200
_STOPPED = {Scope.NAMESPACE: EntryKind.NAMESPACE_STOPPED, Scope.AGENT: EntryKind.AGENT_STOPPED}
_RESUMED = {Scope.NAMESPACE: EntryKind.NAMESPACE_RESUMED, Scope.AGENT: EntryKind.AGENT_RESUMED}
# A warrant that has been expired for so long is refused for that alone, whatever a worker's clock says.
_KEPT_AFTER_EXPIRY = timedelta(days=1)


@transaction.atomic
def revoke(*, warrant_id: str, reason: str, revoked_by: str) -> Revocation:
    """Take a warrant back for good, sign the list that says so, and record it.

    ``revoked_by`` names who did it, as in ``Person.external_id``. Revoking twice keeps the first time, reason and
    person. Raises ``UnknownWarrant``, ``InvalidReason`` and ``CustodyError``.
    """
    reason = clean_reason(reason)
    issuer = lock_issuer()
    warrant = Warrant.objects.filter(pk=warrant_id).first() if warrant_id.isprintable() else None
    if warrant is None:
        raise UnknownWarrant
    existing = Revocation.objects.filter(warrant=warrant).first()
    return existing or _take_back(issuer, Aim(Scope.WARRANT, warrant.pk), [warrant], reason, revoked_by)[0]


@transaction.atomic
def revoke_all(*, aim: Aim, reason: str, revoked_by: str) -> list[Revocation]:
    """Take back every live warrant that ``aim`` means, with one list, and record each in its own chain.

    Raises ``NothingToRevoke`` if there is none, ``InvalidReason`` and ``CustodyError``; then nothing was written.
    """
    reason = clean_reason(reason)
    issuer = lock_issuer()
    found = list(live(aim))
    if not found:
        raise NothingToRevoke(aim=str(aim))
    return _take_back(issuer, aim, found, reason, revoked_by)


@transaction.atomic
def stop(*, aim: Aim, reason: str, stopped_by: str) -> list[Revocation]:
    """Take back every live warrant of a namespace or an agent, and let none be minted for it until ``lift``.

    Stopping what is stopped keeps the first reason and person. Raises ``InvalidReason``, ``NothingToRevoke`` for a
    name that can be none, or an agent that is not known here, and ``CustodyError``.
    """
    reason = clean_reason(reason)
    if not _is_stoppable(aim):
        raise NothingToRevoke(aim=str(aim))
    issuer = lock_issuer()
    if not stops().filter(scope=aim.scope, name=aim.name).exists():
        MintingStop.objects.create(
            scope=aim.scope, name=aim.name, reason=reason, stopped_by=stopped_by, stopped_at=timezone.now()
        )
        append(
            chain=POLICIES_CHAIN,
            kind=_STOPPED[aim.scope],
            details={str(aim.scope): aim.name, "reason": reason, "person": stopped_by},
        )
    found = list(live(aim))
    return _take_back(issuer, aim, found, reason, stopped_by) if found else []


@transaction.atomic
def lift(*, aim: Aim, lifted_by: str) -> None:
    """Let warrants be minted for it again; what was taken back stays so. Raises ``NotStopped``."""
    found = stops().select_for_update().filter(scope=aim.scope, name=aim.name)
    one = found.first() if aim.name.isprintable() else None
    if one is None:
        raise NotStopped(scope=aim.scope)
    one.lifted_by, one.lifted_at = lifted_by, timezone.now()
    one.save(update_fields=["lifted_by", "lifted_at"])
    append(
        chain=POLICIES_CHAIN,
        kind=_RESUMED[aim.scope],
        details={str(aim.scope): aim.name, "person": lifted_by},
    )


def signed_list() -> bytes | None:
    """Return the newest list, signed by the issuer, or None if nothing was ever revoked."""
    data = RevocationList.objects.order_by("-version").values_list("data", flat=True).first()
    return None if data is None else bytes(data)


def sign_anew(issuer: IssuerKey) -> RevocationList | None:
    """Return the next list, signed by ``issuer``, which has become the active one; None if nothing was ever revoked.

    It names what the one before did. Raises ``CustodyError``.
    """
    if not RevocationList.objects.exists():
        return None
    return _sign_next(issuer, Aim(Scope.WARRANT, ""), [], timezone.now())


def _is_stoppable(aim: Aim) -> bool:
    if not (1 <= len(aim.name) <= MAXIMUM_NAMESPACE and aim.name.isprintable()):
        return False
    return aim.scope is Scope.NAMESPACE or (
        aim.scope is Scope.AGENT and AgentIdentity.objects.filter(name=aim.name).exists()
    )


def _take_back(
    issuer: IssuerKey, aim: Aim, warrants: Sequence[Warrant], reason: str, revoked_by: str
) -> list[Revocation]:
    now = timezone.now()
    signed = _sign_next(issuer, aim, warrants, now)
    revocations = Revocation.objects.bulk_create(
        Revocation(warrant=warrant, reason=reason, revoked_by=revoked_by, revoked_at=now, first_list=signed)
        for warrant in warrants
    )
    for warrant in warrants:
        append(
            chain=warrant.id,
            kind=EntryKind.WARRANT_REVOKED,
            details={"warrant_id": warrant.id, "reason": reason, "person": revoked_by},
        )
    return revocations


def _sign_next(issuer: IssuerKey, aim: Aim, warrants: Sequence[Warrant], now: datetime) -> RevocationList:
    newest = RevocationList.objects.order_by("-version").first()
    version = newest.version + 1 if newest else 1
    living = Revocation.objects.filter(warrant__expires_at__gt=now - _KEPT_AFTER_EXPIRY)
    builder = SignedRevocationList.builder().version(version)
    for revoked in [*living.order_by("pk").values_list("warrant_id", flat=True), *(one.pk for one in warrants)]:
        builder = builder.revoke(revoked)
    return RevocationList.objects.create(
        version=version,
        issuer=issuer,
        data=signed(builder, signer_of(issuer)),
        signed_at=now,
        scope=aim.scope,
        name=aim.name,
        number=aim.number,
    )


def clean_reason(reason: str) -> str:
    """Return ``reason`` on one line. Raises ``InvalidReason``."""
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MAXIMUM_REASON or not reason.isprintable():
        raise InvalidReason(maximum=MAXIMUM_REASON)
    return reason
