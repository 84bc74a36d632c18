"""Reading claims: whatever their type, size or nesting, only what is understood counts."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

MAXIMUM_NAME = 200
MAXIMUM_EMAIL = 254
_NAMES = ("name", "preferred_username")


def find(claims: Mapping[str, Any], path: str) -> object:
    """Return the claim called ``path``, or the one inside others that it leads to, as ``realm_access.roles``."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def known_groups(value: object, known: Collection[str]) -> frozenset[str]:
    """Return those of ``known`` that ``value`` names: a list of texts, or one text. Anything else names none."""
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list | tuple):
        return frozenset()
    return frozenset(group for group in named if isinstance(group, str)) & frozenset(known)


def display_name(claims: Mapping[str, Any]) -> str:
    """Return the name to show, without what cannot be seen and 200 characters at most; empty if there is none."""
    found = (readable(claims[name]) for name in _NAMES if isinstance(claims.get(name), str))
    return next(filter(None, found), "")


def verified_email(claims: Mapping[str, Any]) -> str:
    """Return the address that the provider says it has verified; empty if there is none."""
    found = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(found, str) or len(found) > MAXIMUM_EMAIL:
        return ""
    return found if found.isprintable() and found.count("@") == 1 and " " not in found else ""


def readable(text: str) -> str:
    """Return ``text`` in one line, without characters that cannot be seen or that turn others around."""
    spaced = " ".join(unicodedata.normalize("NFC", text[: 10 * MAXIMUM_NAME]).split())
    return "".join(character for character in spaced if character.isprintable())[:MAXIMUM_NAME].strip()
