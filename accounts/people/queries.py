"""Who may do what, as the page of that name shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from accounts.errors import UnknownPerson
from accounts.models import Person, RoleGrant
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import NOWHERE, Reach, reach
from accounts.sessions.queries import SessionLine, sessions_by_person


@dataclass(frozen=True, slots=True)
class GrantLine:
    """One role of a person. ``namespace`` is empty for all; ``group`` is empty for a role given by hand."""

    role: str
    namespace: str
    group: str
    granted_by: str
    granted_at: datetime
    may_take: bool

    @property
    def title(self) -> str:
        return title_of(self.role)


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person, with what whoever asks may see and do."""

    id: int
    name: str
    external_id: str
    is_active: bool
    is_oneself: bool
    last_sign_in: datetime | None
    grants: list[GrantLine]
    may_give: bool
    may_disable: bool
    sessions: list[SessionLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Overseer:
    """What the person who looks at the page may see (``sees``) and change (``administers``)."""

    person: Person
    sees: Reach
    administers: Reach

    @property
    def runs_all(self) -> bool:
        return self.administers.everywhere


def title_of(role: str) -> str:
    return role.replace("_", " ").capitalize()


def overseer(person: Person) -> Overseer:
    """Return what ``person`` may see and change of other people; nothing for most."""
    administers, audits = reach(person, Role.SECURITY_ADMINISTRATOR), reach(person, Role.AUDITOR)
    everywhere = administers.everywhere or audits.everywhere
    sees = Reach(everywhere, administers.namespaces | audits.namespaces)
    return Overseer(person, sees if sees else NOWHERE, administers)


def people(*, by: Overseer) -> list[PersonLine]:
    """Return everybody whom ``by`` may see, in the order of their names: a fixed number of queries.

    Whoever oversees some namespaces only sees the people who have a role there, or in all, and those roles.
    """
    rows = list(_visible(by).prefetch_related(Prefetch("role_grants", _grants(by), to_attr="shown_grants")))
    open_sessions = sessions_by_person([row.pk for row in rows]) if by.runs_all else {}
    return [_line(row, by, open_sessions.get(row.pk, [])) for row in rows]


def find_person(person_id: int, *, by: Overseer) -> Person:
    """Return somebody whom ``by`` may see. Raises ``UnknownPerson``."""
    found = _visible(by).filter(pk=person_id).first()
    if found is None:
        raise UnknownPerson
    return found


def _visible(by: Overseer) -> QuerySet[Person]:
    rows = Person.objects.order_by("-is_active", "display_name", "pk")
    return rows if by.sees.everywhere else rows.filter(pk__in=_grants(by).order_by().values("person"))


def _grants(by: Overseer) -> QuerySet[RoleGrant]:
    grants = RoleGrant.objects.order_by("namespace", "role", "group")
    return (
        grants if by.sees.everywhere else grants.filter(Q(namespace=EVERYWHERE) | Q(namespace__in=by.sees.namespaces))
    )


def _line(row: Person, by: Overseer, open_sessions: list[SessionLine]) -> PersonLine:
    shown: list[RoleGrant] = row.shown_grants  # type: ignore[attr-defined]
    is_oneself = row.pk == by.person.pk
    return PersonLine(
        id=row.pk,
        name=row.display_name,
        external_id=row.external_id,
        is_active=row.is_active,
        is_oneself=is_oneself,
        last_sign_in=row.last_login,
        grants=[_grant(granted, by) for granted in shown],
        may_give=bool(by.administers) and not is_oneself,
        may_disable=by.runs_all and not is_oneself,
        sessions=open_sessions,
    )


def _grant(granted: RoleGrant, by: Overseer) -> GrantLine:
    may_take = not granted.group and (by.runs_all or (granted.namespace != "" and granted.namespace in by.administers))
    return GrantLine(
        role=granted.role,
        namespace=granted.namespace,
        group=granted.group,
        granted_by=granted.granted_by,
        granted_at=granted.granted_at,
        may_take=may_take,
    )
