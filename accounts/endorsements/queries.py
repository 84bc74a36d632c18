"""Who stands behind which key, from the people root in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.errors import MalformedInput
from accounts.keys.enrolment import parse as parse_enrolment
from accounts.keys.queries import active_keys
from accounts.models import ApproverKey, KeyEndorsement, PeopleRoot, Person, RoleGrant
from accounts.roles.contracts import EVERYWHERE, KEY_HOLDERS, Role
from audit.statements.key_endorsements import (
    MAXIMUM_ENDORSEMENTS,
    MAXIMUM_LINKS,
    PEOPLE_ROOT,
    Endorsed,
    EndorsedRole,
    NotEndorsed,
    verify_chain,
)


def people_root() -> PeopleRoot | None:
    """Return the people root in use, or None before the ceremony."""
    return PeopleRoot.objects.filter(replaced_at=None).first()


def endorsed_keys(*, endorsers: int = 1, namespace: str | None = None) -> QuerySet[ApproverKey]:
    """Return the keys that may approve now: active, and endorsed as an approver's by so many people.

    ``namespace`` None asks for approvers of any namespace.
    """
    active = active_keys(namespace=namespace)
    standing = KeyEndorsement.objects.filter(
        key=OuterRef("pk"), role=EndorsedRole.APPROVER.value, people_root__replaced_at=None
    )
    if endorsers <= 1:
        return active.filter(Exists(standing))
    counted = standing.order_by().values("key").annotate(number=Count("endorser")).values("number")
    return active.annotate(endorsers=Coalesce(Subquery(counted), 0)).filter(endorsers__gte=endorsers)


def endorsement_of(public_key: bytes, role: EndorsedRole = EndorsedRole.APPROVER) -> Endorsed:
    """Return who stands behind a key, verified from the people root in use. Raises ``NotEndorsed``."""
    root = people_root()
    if root is None:
        raise NotEndorsed("people_root", "There is no people root yet: run manage.py bootstrap_root once.")
    return verify_chain(statements_above(public_key, role), public_key, role, [bytes(root.public_key)])


def statements_above(public_key: bytes, role: EndorsedRole) -> list[bytes]:
    """Return the endorsements of a key for ``role``, and those of its endorsers, up to the people root."""
    rows = KeyEndorsement.objects.filter(people_root__replaced_at=None)
    found: dict[bytes, None] = {}
    level: Sequence[bytes] = [public_key]
    for _ in range(MAXIMUM_LINKS):
        links = rows.filter(key__public_key__in=level, role=role.value).values_list("envelope", "endorser_key")
        above = []
        for envelope, endorser_key in links[:MAXIMUM_ENDORSEMENTS]:
            if bytes(envelope) not in found:
                found[bytes(envelope)] = None
                above.append(bytes(endorser_key))
        if not above:
            break
        level, role = above, EndorsedRole.SECURITY_ADMINISTRATOR
    return list(found)[:MAXIMUM_ENDORSEMENTS]


def roles_to_endorse(key: ApproverKey) -> list[EndorsedRole]:
    """Return the roles that the key's person holds and that keys are endorsed for."""
    held = set(RoleGrant.objects.filter(person=key.person).values_list("role", flat=True))
    return [role for role in EndorsedRole if role.value in held]


def live_keys() -> QuerySet[ApproverKey]:
    """Return the keys that are not revoked, of active people who may have one."""
    holders = RoleGrant.objects.filter(person=OuterRef("person"), role__in=[role.value for role in KEY_HOLDERS])
    return ApproverKey.objects.filter(Exists(holders), revoked_at=None, person__is_active=True).select_related("person")


def waits_for(key: ApproverKey) -> list[EndorsedRole]:
    """Return the roles of the key's person for which nobody has endorsed the key."""
    done = set(KeyEndorsement.objects.filter(key=key, people_root__replaced_at=None).values_list("role", flat=True))
    return [role for role in roles_to_endorse(key) if role.value not in done]


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """A key that nobody has endorsed for a role its person holds. ``origin`` is where it was made, as it signed."""

    key: ApproverKey
    role: EndorsedRole
    origin: str


def waiting_keys(*, but_of: Person) -> list[WaitingKey]:
    """Return what waits for endorsement by somebody else than ``but_of``, who endorses nothing of their own."""
    keys = live_keys().exclude(person=but_of).order_by("enrolled_at", "pk")
    return [WaitingKey(key, role, _origin(key)) for key in keys for role in waits_for(key)]


def live_endorsed_keys() -> list[ApproverKey]:
    """Return the live keys that anybody has endorsed, oldest first."""
    standing = KeyEndorsement.objects.filter(key=OuterRef("pk"), people_root__replaced_at=None)
    return list(live_keys().filter(Exists(standing)).order_by("enrolled_at", "pk"))


def statements_above_keys_of(person: Person, role: EndorsedRole = EndorsedRole.SECURITY_ADMINISTRATOR) -> list[bytes]:
    """Return the endorsements by which the keys of ``person`` are of someone with ``role``."""
    found: dict[bytes, None] = {}
    for key in ApproverKey.objects.filter(person=person, revoked_at=None):
        found.update(dict.fromkeys(statements_above(bytes(key.public_key), role)))
    return list(found)[:MAXIMUM_ENDORSEMENTS]


def endorsers_of(key: ApproverKey) -> list[str]:
    """Return the names of those who endorsed ``key``, oldest first."""
    rows = KeyEndorsement.objects.filter(key=key, people_root__replaced_at=None)
    names = []
    for endorser in dict.fromkeys(rows.values_list("endorser", flat=True)):
        person = None if endorser == PEOPLE_ROOT else find_person(endorser)
        names.append(person.display_name if person else endorser)
    return names


def find_person(external_id: str) -> Person | None:
    """Return whom an external id names."""
    separator = "#" if "#" in external_id else ":"
    issuer, _, subject = external_id.partition(separator)
    return Person.objects.filter(issuer=issuer, subject=subject).first()


def live_key(public_key: bytes) -> ApproverKey | None:
    """Return the live key with these 32 bytes, with its person."""
    return live_keys().filter(public_key=public_key).first()


def _origin(key: ApproverKey) -> str:
    try:
        return parse_enrolment(bytes(key.proof)).origin
    except MalformedInput:
        return ""


def administrators() -> list[Person]:
    """Return the people who can endorse now: each has a key that is endorsed as a security administrator's."""
    endorsed = KeyEndorsement.objects.filter(
        key__person=OuterRef("pk"),
        key__revoked_at=None,
        role=EndorsedRole.SECURITY_ADMINISTRATOR.value,
        people_root__replaced_at=None,
    )
    granted = RoleGrant.objects.filter(
        person=OuterRef("pk"), role=Role.SECURITY_ADMINISTRATOR.value, namespace=EVERYWHERE
    )
    return list(Person.objects.filter(Exists(endorsed), Exists(granted), is_active=True).order_by("pk"))
