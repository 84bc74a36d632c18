"""The receivers of webhooks, from the setting ``WEBHOOKS``. Their secrets are nowhere else."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from approvals.notify.contracts import NotificationEvent

PREFIX = "whsec_"
# As Standard Webhooks asks for; two of them sign at once while one replaces the other.
SECRET_BYTES = range(24, 65)
MOST_SECRETS = 2
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FIELDS = {"name", "url", "secrets", "namespaces", "events", "allow_private", "allow_http"}


class MalformedWebhooks(ValueError):
    """``WEBHOOKS`` cannot be read. Its sentence quotes no secret and no address."""


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
    """Return the receivers by name. Raises ``MalformedWebhooks``."""
    return {one.name: one for one in parse(settings.WEBHOOKS)}


@lru_cache(maxsize=4)
def parse(text: str) -> tuple[Receiver, ...]:
    """Return the receivers in ``text``: a JSON list of objects, or empty. Raises ``MalformedWebhooks``."""
    if not text.strip():
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise MalformedWebhooks("WEBHOOKS must be a JSON list of objects.")
    read = tuple(_receiver(number, item) for number, item in enumerate(found, 1))
    if len({one.name for one in read}) < len(read):
        raise MalformedWebhooks("Two receivers in WEBHOOKS have the same name.")
    return read


def _receiver(number: int, item: Any) -> Receiver:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        _refuse(f"receiver {number}", "name", "must be small letters, digits and hyphens, at most 40")
    unknown = sorted(item.keys() - _FIELDS)
    if unknown:
        _refuse(name, unknown[0], f"is unknown; known are {', '.join(sorted(_FIELDS))}")
    allow_http = _flag(name, item, "allow_http")
    return Receiver(
        name=name,
        url=_url(name, item.get("url"), allow_http=allow_http),
        secrets=_secrets(name, item.get("secrets")),
        namespaces=frozenset(_words(name, item, "namespaces")),
        events=_events(name, _words(name, item, "events")),
        allow_private=_flag(name, item, "allow_private"),
        allow_http=allow_http,
    )


def _url(name: str, value: Any, *, allow_http: bool) -> str:
    schemes = ("https", "http") if allow_http else ("https",)
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        is_address = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
        is_address = is_address and value.isascii() and value.isprintable() and bool(httpx.URL(value).host)
    except (ValueError, httpx.InvalidURL):
        is_address = False
    if not is_address or parts.scheme not in schemes:
        _refuse(name, "url", "must be an https address in ASCII, without a username (http only with allow_http)")
    return str(value)


def _secrets(name: str, value: Any) -> tuple[bytes, ...]:
    given = value if isinstance(value, list) else []
    found = tuple(_secret(one) for one in given)
    if not 1 <= len(found) <= MOST_SECRETS or not all(len(secret) in SECRET_BYTES for secret in found):
        _refuse(name, "secrets", f"must be one or two of {PREFIX} and 24 to 64 bytes in base64")
    return found


def _secret(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return b""
    try:
        return base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _events(name: str, words: list[str]) -> frozenset[NotificationEvent]:
    known = [event.value for event in NotificationEvent]
    if not set(words) <= set(known):
        _refuse(name, "events", f"must be some of {', '.join(known)}")
    return frozenset(map(NotificationEvent, words or known))


def _words(name: str, item: dict[str, Any], key: str) -> list[str]:
    value = item.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        _refuse(name, key, "must be a list of texts, or left out for all")
    return value


def _flag(name: str, item: dict[str, Any], key: str) -> bool:
    value = item.get(key, False)
    if not isinstance(value, bool):
        _refuse(name, key, "must be true or false")
    return value


def _refuse(name: str, key: str, what: str) -> NoReturn:
    raise MalformedWebhooks(f"WEBHOOKS, {name}: {key} {what}.")
