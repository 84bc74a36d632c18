"""What of a request is content, and who sees it.

Content is what the agent, the gate and the call said and got: arguments and what is made of them, reasoning, history,
results, errors, the reason for asking again, and the arguments that a denial proposes. It needs a right of its own.
"""

from __future__ import annotations

from typing import Any

from accounts.models import Person
from accounts.roles.queries import NOWHERE, Reach
from approvals.models import ApprovalRequest
from audit import access
from audit.custody import CustodyError
from audit.models.sealed import Sealed, row_named
from audit.sealing import SealingError

_TARGET: Any = ApprovalRequest._meta.get_field("target")


def content_reach(person: Person) -> Reach:
    """Return the namespaces of which ``person`` may see content."""
    found = access.reach(person, access.VIEW_CONTENT)
    return Reach(found.everywhere, found.namespaces) if found else NOWHERE


def opened_target(stored: Sealed | str, *, namespace: str, request_id: str) -> str | None:
    """Return a request's target as a query took it from its row; None if it cannot be opened."""
    if not isinstance(stored, Sealed):
        return stored
    try:
        return str(_TARGET.opened(stored, namespace, row_named((request_id,))))
    except (SealingError, CustodyError):
        return None
