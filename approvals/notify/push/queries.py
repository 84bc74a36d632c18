"""A person's browsers that are told. Read only."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Person
from approvals.models import PushSubscription
from approvals.notify.push.settings import is_set_up
from audit.keys.push import push_public_key


@dataclass(frozen=True, slots=True)
class ToldBrowser:
    """One browser; ``last_taken_at`` is when its push service last took a message."""

    id: int
    browser: str
    created_at: datetime
    last_taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class Browsers:
    """A person's browsers, and the key (base64url) that another one subscribes with: empty before ``setup``."""

    told: list[ToldBrowser]
    public_key: str


def browsers_of(person: Person) -> Browsers | None:
    """Return the browsers of ``person``; None where push is not set up."""
    if not is_set_up():
        return None
    rows = PushSubscription.objects.filter(person=person).order_by("pk")
    told = [ToldBrowser(*row) for row in rows.values_list("pk", "browser", "created_at", "last_taken_at")]
    return Browsers(told, urlsafe_b64encode(push_public_key()).rstrip(b"=").decode())
