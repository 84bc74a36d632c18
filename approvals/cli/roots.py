"""The roots that a site shows, and the ones that a person believes."""

from __future__ import annotations

import hashlib
import re

from approvals.cli.failures import CannotGoOn, SiteRefused
from approvals.cli.visit import Visit

_KEY = re.compile("[0-9a-f]{64}")


async def shown_roots(visit: Visit) -> list[bytes]:
    """Return the 32-byte root keys that the site shows now. Raises ``SiteRefused``."""
    roots = (await visit.read("/approvals/roots/")).get("roots")
    if not isinstance(roots, list) or not all(isinstance(item, str) and _KEY.fullmatch(item) for item in roots):
        raise SiteRefused("The site does not show its trusted roots as it should.")
    return [bytes.fromhex(item) for item in roots]


async def choose_roots(visit: Visit, named: list[str]) -> list[bytes]:
    """Return the roots that ``named`` (public keys or fingerprints, hexadecimal) says; all shown if it is empty.

    Raises ``CannotGoOn`` for a root that the site does not show, and if it shows none.
    """
    shown = await shown_roots(visit)
    if not shown:
        raise SiteRefused("The site shows no trusted root, so a key could not check anything.")
    if not named:
        return shown
    by_name = {root.hex(): root for root in shown} | {fingerprint(root): root for root in shown}
    chosen = []
    for name in named:
        plain = "".join(name.split()).lower()
        if plain not in by_name:
            raise CannotGoOn(f"The site shows other roots than {plain}: {', '.join(root.hex() for root in shown)}.")
        chosen.append(by_name[plain])
    return chosen


def fingerprint(key: bytes) -> str:
    """Return SHA-256 of a public key, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(key).hexdigest()


def aloud(key: bytes) -> str:
    """Return a key's fingerprint in groups that can be read aloud."""
    return re.sub(r"(.{8})(?=.)", r"\1 ", fingerprint(key))
