"""Settings that are a JSON list of named things, read strictly. What is refused is named, and never quoted."""

from __future__ import annotations

import json
import re
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class MalformedSetting(ValueError):
    """A setting cannot be read. Its sentence quotes no secret and no address."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a list: an object with a ``name``, and nothing that is not known."""

    setting: str
    name: str
    values: dict[str, Any] = field(repr=False)

    def text(self, key: str, default: str = "") -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value.isprintable():
            self.refuse(key, "must be a text on one line")
        return value

    def words(self, key: str) -> list[str]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            self.refuse(key, "must be a list of texts, or left out for all")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, "must be true or false")
        return value

    def url(self, key: str, *, allow_http: bool) -> str:
        value = self.values.get(key)
        schemes = ("https", "http") if allow_http else ("https",)
        try:
            parts = urlsplit(value if isinstance(value, str) else "")
            is_address = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
            is_address = is_address and str(value).isascii() and str(value).isprintable()
            is_address = is_address and bool(httpx.URL(str(value)).host)
        except (ValueError, httpx.InvalidURL):
            is_address = False
        if not is_address or parts.scheme not in schemes:
            self.refuse(key, "must be an https address in ASCII, without a username (http only with allow_http)")
        return str(value)

    def refuse(self, key: str, what: str) -> NoReturn:
        raise MalformedSetting(f"{self.setting}, {self.name}: {key} {what}.")


def items(setting: str, text: str, *, thing: str, fields: Set[str]) -> list[Item]:
    """Return what ``text`` lists: JSON, or empty. ``thing`` is what one is called. Raises ``MalformedSetting``."""
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise MalformedSetting(f"{setting} must be a JSON list of objects.")
    read = [_item(setting, f"{thing} {number}", one, fields) for number, one in enumerate(found, 1)]
    if len({one.name for one in read}) < len(read):
        raise MalformedSetting(f"Two {thing}s in {setting} have the same name.")
    return read


def _item(setting: str, called: str, values: Any, fields: Set[str]) -> Item:
    name = values.get("name") if isinstance(values, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        Item(setting, called, {}).refuse("name", "must be small letters, digits and hyphens, at most 40")
    item = Item(setting, name, values)
    unknown = sorted(values.keys() - fields)
    if unknown:
        item.refuse(unknown[0], f"is unknown; known are {', '.join(sorted(fields))}")
    return item
