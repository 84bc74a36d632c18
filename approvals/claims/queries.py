"""Who works on a request. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Person
from approvals.models import Claim


@dataclass(frozen=True, slots=True)
class StandingClaim:
    """A claim that has not lapsed. ``taken_from`` is the name of the person who had it before, or empty."""

    id: int
    person: str
    mine: bool
    claimed_at: datetime
    until: datetime
    taken_from: str
    was_mine: bool  # it was taken over from whoever looks


def standing_claim(*, person: Person, request_id: str, now: datetime) -> StandingClaim | None:
    """Return who works on the request as ``person`` sees it, or None."""
    claim = live_claims(now).select_related("person", "taken_from").filter(approval_request=request_id).first()
    if claim is None:
        return None
    return StandingClaim(
        id=claim.pk,
        person=claim.person.display_name,
        mine=claim.person_id == person.pk,
        claimed_at=claim.claimed_at,
        until=claim.until,
        taken_from=claim.taken_from.display_name if claim.taken_from else "",
        was_mine=claim.taken_from_id == person.pk,
    )


def live_claims(now: datetime) -> QuerySet[Claim]:
    """Return the claims that have neither ended nor lapsed."""
    return Claim.objects.filter(ended_at=None, until__gt=now)


def claimers(now: datetime) -> dict[str, Coalesce | Subquery]:
    """Return what a query of requests adds to say who works on each, since when and until when."""
    here = live_claims(now).filter(approval_request=OuterRef("pk")).annotate(name=F("person__display_name"))
    return {
        "claimer": Coalesce(Subquery(here.values("name")[:1]), Value("")),
        "claimed_at": Subquery(here.values("claimed_at")[:1]),
        "claimed_until": Subquery(here.values("until")[:1]),
    }
