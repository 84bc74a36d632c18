"""The receivers of webhooks, from the setting ``WEBHOOKS``. Their secrets are nowhere else."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings

from approvals.listed_settings import Item, items
from approvals.notify.contracts import NotificationEvent

PREFIX = "whsec_"
# As Standard Webhooks asks for; two of them sign at once while one replaces the other.
SECRET_BYTES = range(24, 65)
MOST_SECRETS = 2
_FIELDS = {"name", "url", "secrets", "namespaces", "events", "allow_private", "allow_http"}


@dataclass(frozen=True, slots=True)
class Receiver:
    """A program that is told. An address may hold a secret, so it is shown nowhere."""

    name: str
    url: str = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    namespaces: frozenset[str]  # of whose requests it is told; empty: of all
    events: frozenset[NotificationEvent]
    allow_private: bool  # addresses inside this network
    allow_http: bool

    def is_told_of(self, namespace: str) -> bool:
        return not self.namespaces or namespace in self.namespaces


def is_set_up() -> bool:
    return bool(receivers())


def receivers() -> dict[str, Receiver]:
    """Return the receivers by name. Raises ``MalformedSetting``."""
    return {one.name: one for one in parse(settings.WEBHOOKS)}


@lru_cache(maxsize=4)
def parse(text: str) -> tuple[Receiver, ...]:
    """Return the receivers in ``text``: a JSON list of objects, or empty. Raises ``MalformedSetting``."""
    return tuple(map(_receiver, items("WEBHOOKS", text, thing="receiver", fields=_FIELDS)))


def _receiver(item: Item) -> Receiver:
    allow_http = item.flag("allow_http")
    return Receiver(
        name=item.name,
        url=item.url("url", allow_http=allow_http),
        secrets=_secrets(item),
        namespaces=frozenset(item.words("namespaces")),
        events=_events(item),
        allow_private=item.flag("allow_private"),
        allow_http=allow_http,
    )


def _secrets(item: Item) -> tuple[bytes, ...]:
    value = item.values.get("secrets")
    given = value if isinstance(value, list) else []
    found = tuple(_secret(one) for one in given)
    if not 1 <= len(found) <= MOST_SECRETS or not all(len(secret) in SECRET_BYTES for secret in found):
        item.refuse("secrets", f"must be one or two of {PREFIX} and 24 to 64 bytes in base64")
    return found


def _secret(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return b""
    try:
        return base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _events(item: Item) -> frozenset[NotificationEvent]:
    words, known = item.words("events"), [event.value for event in NotificationEvent]
    if not set(words) <= set(known):
        item.refuse("events", f"must be some of {', '.join(known)}")
    return frozenset(map(NotificationEvent, words or known))
