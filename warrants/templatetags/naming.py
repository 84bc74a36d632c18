"""Where keys are named: ``{% live_warrants_naming keys user as naming %}`` and ``{{ naming|of_key:key }}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django import template

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from accounts.roles.queries import reach
from warrants.minting import queries
from warrants.models import Warrant

register = template.Library()


@register.simple_tag
def live_warrants_naming(keys: Iterable[ApproverKey], reader: Person) -> dict[bytes, list[Warrant]]:
    """Return the live warrants that name each of ``keys``, the next to expire first, by the key's 32 bytes.

    Only those of namespaces whose incidents ``reader`` may see.
    """
    seen = reach(reader, Role.VIEWER)
    naming = queries.live_warrants_naming({bytes(key.public_key) for key in keys})
    return {key: [warrant for warrant in found if warrant.namespace in seen] for key, found in naming.items()}


@register.filter
def of_key(naming: Mapping[bytes, list[Warrant]], key: ApproverKey) -> list[Warrant]:
    return naming.get(bytes(key.public_key), [])
