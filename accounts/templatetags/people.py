"""What templates say of people's keys and notices."""

from __future__ import annotations

from typing import Any

from django import template

from accounts.endorsements import queries
from accounts.endorsements.fingerprints import in_groups
from accounts.models import ApproverKey, Notice, Person
from accounts.notices.queries import standing

register = template.Library()


@register.simple_tag
def standing_notices(person: Any) -> list[Notice]:
    """Return the notices that ``person`` has not dismissed."""
    return standing(person)


@register.simple_tag
def endorsers_of(key: ApproverKey) -> str:
    """Return who endorsed ``key``, in words; empty if nobody did."""
    return " and ".join(queries.endorsers_of(key))


@register.simple_tag
def people_root_key() -> str:
    """Return the people root in use as hexadecimal digits; empty before the ceremony."""
    root = queries.people_root()
    return bytes(root.public_key).hex() if root else ""


@register.simple_tag
def endorsers_to_ask(person: Person) -> str:
    """Return who can endorse a key of ``person``, in words."""
    names = [one.display_name for one in queries.administrators() if one.pk != person.pk][:3]
    return " or ".join(names) or "a security administrator"


@register.filter
def grouped(fingerprint: str) -> str:
    """Return a fingerprint in groups that can be read aloud."""
    return in_groups(fingerprint)
