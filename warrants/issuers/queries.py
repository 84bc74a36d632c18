"""Reading issuers, and the signed sets of those that workers believe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Max, QuerySet, Value, When

from accounts.endorsements.fingerprints import in_groups
from audit.statements.trusted_roots import parse_trusted_roots
from warrants.issuers.contracts import TRUSTED, TrustedSet
from warrants.models import IssuerKey, ListConfirmation, TrustedRoots, Warrant
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.queries import live, workers

_ORDER = Case(*(When(state=state.value, then=Value(place)) for place, state in enumerate(TRUSTED)), default=Value(9))


@dataclass(frozen=True, slots=True)
class IssuerStanding:
    """An issuer, how many of its warrants live, and which workers believe it by what they confirmed."""

    issuer: IssuerKey
    live: int
    believing: list[ListConfirmation]
    others: list[ListConfirmation]

    @property
    def root(self) -> str:
        return bytes(self.issuer.public_key).hex()

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.issuer)

    @property
    def is_believed_here(self) -> bool:
        return self.issuer.state in TRUSTED


def fingerprint(issuer: IssuerKey) -> str:
    """Return the SHA-256 of an issuer's public key, in groups that can be read aloud."""
    return in_groups(hashlib.sha256(bytes(issuer.public_key)).hexdigest())


def issuers() -> QuerySet[IssuerKey]:
    """Return all issuers, the active one first and the retired ones last."""
    return IssuerKey.objects.order_by(_ORDER, "-id")


def trusted_roots() -> list[bytes]:
    """Return the 32-byte public keys that warrants, revocation lists and endorsements must come from, active first."""
    return [bytes(key) for key in issuers().filter(state__in=TRUSTED).values_list("public_key", flat=True)]


def signed_sets() -> list[bytes]:
    """Return every signed set of trusted roots, oldest first; none before the first rotation."""
    return [bytes(envelope) for envelope in TrustedRoots.objects.values_list("envelope", flat=True)]


def newest_set() -> TrustedRoots | None:
    return TrustedRoots.objects.order_by("-number").first()


def trusted_set() -> TrustedSet:
    """Return which roots a worker begins with that is told of none: the newest set's, or the issuers' without one."""
    newest = newest_set()
    if newest is None:
        return TrustedSet(tuple(trusted_roots()), 0)
    return TrustedSet(parse_trusted_roots(bytes(newest.envelope)).roots, newest.number)


def live_of(issuer: IssuerKey) -> QuerySet[Warrant]:
    """Return the live warrants that ``issuer`` signed, the next to expire first."""
    return live(Aim(Scope.ISSUER, issuer.name))


def last_expiry(issuer: IssuerKey) -> datetime | None:
    """Return when the last live warrant of ``issuer`` expires, or None if none lives."""
    found: datetime | None = live_of(issuer).aggregate(last=Max("expires_at"))["last"]
    return found


def standings() -> list[IssuerStanding]:
    """Return how every issuer stands, the active one first."""
    held, sets = [one.held for one in workers()], _sets()
    found = []
    for issuer in issuers():
        key = bytes(issuer.public_key)
        believing = [one for one in held if key in sets.get(one.roots, ())]
        others = [one for one in held if key not in sets.get(one.roots, ())]
        found.append(IssuerStanding(issuer, live_of(issuer).count(), believing, others))
    return found


def _sets() -> dict[int, tuple[bytes, ...]]:
    """Return the roots by the number of their set; 0 is what a worker began with that confirmed none yet."""
    signed = [parse_trusted_roots(data) for data in signed_sets()]
    first = (signed[0].signer_key,) if signed else tuple(trusted_roots())
    return {0: first, **{one.number: one.roots for one in signed}}
