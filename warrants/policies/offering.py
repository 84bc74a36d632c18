"""What was published here, as it is stored, for workers: they verify it themselves."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Q

from accounts.endorsements.queries import statements_above
from audit.statements.key_endorsements import EndorsedRole
from audit.statements.publications import parse_publication
from audit.statements.statements import MalformedStatement
from warrants.models import PolicyVersion
from warrants.policies.contracts import Offered, State

# Of one policy. A worker needs the newest, and those whose place was taken within a day.
MOST = 10


def stamp() -> dict[str, Any]:
    """Return what is another as soon as a version is published or retired: one small query.

    The times are by the clocks of several hosts, so what there is is counted as well.
    """
    in_force = Count("pk", filter=Q(state=State.PUBLISHED))
    return _once_published().aggregate(Count("pk"), Max("published_at"), Max("retired_at"), in_force=in_force)


def offered() -> list[Offered]:
    """Return the newest versions of every policy that were ever published here, newest first."""
    names = _once_published().order_by("name").values_list("name", flat=True).distinct()
    return [_offered(version) for name in names for version in _newest(name)]


def _once_published() -> Any:
    return PolicyVersion.objects.exclude(publication=None)


def _newest(name: str) -> list[PolicyVersion]:
    return list(_once_published().filter(name=name).order_by("-number")[:MOST])


def _offered(version: PolicyVersion) -> Offered:
    envelope = bytes(version.publication or b"")
    return Offered(
        name=version.name,
        number=version.number,
        text=version.text,
        publication=envelope,
        endorsements=_endorsements(envelope),
        is_retired=version.state == State.RETIRED,
    )


def _endorsements(envelope: bytes) -> tuple[bytes, ...]:
    try:
        key = parse_publication(envelope).publisher_key
    except MalformedStatement:
        return ()
    return tuple(statements_above(key, EndorsedRole.POLICY_PUBLISHER))
