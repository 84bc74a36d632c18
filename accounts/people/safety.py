"""An installation that has security administrators never loses the last one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from accounts.errors import LastAdministrator
from accounts.models import RoleGrant
from accounts.roles.contracts import EVERYWHERE, Role


@contextmanager
def keep_an_administrator() -> Iterator[None]:
    """Raise ``LastAdministrator`` if the block takes the last active one of all namespaces away; call in a transaction.

    Whoever else wants to take one away waits until this transaction is over, so that two cannot take each other.
    """
    grants = RoleGrant.objects.filter(role=Role.SECURITY_ADMINISTRATOR.value, namespace=EVERYWHERE)
    list(grants.select_for_update().order_by("pk").values_list("pk", flat=True))
    active = grants.filter(person__is_active=True)
    had_one = active.exists()
    yield
    if had_one and not active.exists():
        raise LastAdministrator
