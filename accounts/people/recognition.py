"""Who somebody is whom an identity provider vouches for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.errors import UnusableIdentity
from accounts.models import Person
from accounts.models.person import LOCAL_ISSUER
from accounts.roles.services import Place, apply_groups

# What the ledger, signatures and grants have room for.
MAXIMUM_EXTERNAL_ID = 320
MAXIMUM_ISSUER = 200
MAXIMUM_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider has proven of somebody.

    ``issuer`` and ``subject`` are who they are; ``email``, if the provider has verified it, is only where they are
    told of things. ``groups`` are those that give a
    role here; ``auth_time`` is when they last signed in to the provider (seconds since 1970), if it says.
    """

    provider: str
    issuer: str
    subject: str
    name: str
    groups: frozenset[str]
    auth_time: int | None = None
    email: str = ""


@transaction.atomic
def recognise(*, identity: Identity, roles_of: Mapping[str, Collection[Place]]) -> Person:
    """Return the person whom ``identity`` names, made if they are new, with the roles their groups give now.

    A deactivated person is returned as they are: the caller refuses them. Raises ``UnusableIdentity``.
    """
    _require_usable(identity)
    person = _find_or_create(identity)
    if not person.is_active:
        return person
    name, email = identity.name or person.display_name, identity.email or person.email
    if (person.display_name, person.email) != (name, email):
        person.display_name, person.email = name, email
        person.save(update_fields=["display_name", "email"])
    apply_groups(person=person, groups=identity.groups, roles_of=roles_of)
    return person


def username_of(issuer: str, subject: str) -> str:
    """Return the username of a person from elsewhere: 80 bits of a hash, since their own may be taken here."""
    return f"sso-{hashlib.sha256(f'{issuer}#{subject}'.encode()).hexdigest()[:20]}"


def _require_usable(identity: Identity) -> None:
    issuer, subject = identity.issuer, identity.subject
    if issuer == LOCAL_ISSUER or "#" in issuer or not 0 < len(issuer) <= MAXIMUM_ISSUER or not issuer.isprintable():
        raise UnusableIdentity("issuer")
    if not 0 < len(subject) <= MAXIMUM_SUBJECT or not subject.isprintable() or subject != subject.strip():
        raise UnusableIdentity("subject")
    if len(issuer) + 1 + len(subject) > MAXIMUM_EXTERNAL_ID:
        raise UnusableIdentity("subject")


def _find_or_create(identity: Identity) -> Person:
    new = Person(username=username_of(identity.issuer, identity.subject))
    new.set_unusable_password()
    try:
        person, _ = Person.objects.get_or_create(
            issuer=identity.issuer,
            subject=identity.subject,
            defaults={"username": new.username, "password": new.password, "display_name": identity.name},
        )
    except IntegrityError:
        # An operator gave this username to a local person. Nobody becomes them by it.
        raise UnusableIdentity("username") from None
    return Person.objects.select_for_update().get(pk=person.pk)
