"""Who may revoke: ``{% stoppable chain user as warrant %}`` and ``{{ namespace|within:may_revoke_in }}``.

Likewise who may lift a stop: ``{{ stop|liftable:may_revoke_in }}``.
"""

from __future__ import annotations

from typing import Any

from django import template

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import reach
from warrants.models import MintingStop, Warrant
from warrants.revocation.contracts import Scope
from warrants.revocation.queries import live_warrant

register = template.Library()


@register.simple_tag
def stoppable(chain: str, person: Any) -> Warrant | None:
    """Return the incident's warrant if it is live and ``person`` may take it back."""
    found = live_warrant(chain)
    may_in = reach(person, Role.SECURITY_ADMINISTRATOR) if isinstance(person, Person) else None
    return found if found is not None and may_in and found.namespace in may_in else None


@register.filter
def within(namespace: str, may_in: Any) -> bool:
    """Return whether ``namespace`` is among those that a ``Reach`` has."""
    return namespace in may_in


@register.filter
def liftable(stop: MintingStop, may_in: Any) -> bool:
    """Return whether who may revoke in a ``Reach`` may lift ``stop``; an agent's needs all namespaces."""
    return bool(may_in.everywhere or (stop.scope == Scope.NAMESPACE and stop.name in may_in))
