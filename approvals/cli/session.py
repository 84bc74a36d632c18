"""Who is signed in here, which key is theirs, and what they believe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from approvals.cli import terminal
from approvals.cli.failures import CannotGoOn, KeyRefused
from approvals.cli.home import KEY, ROOTS, SESSION, Home
from approvals.cli.keepers.contracts import Keeper
from approvals.cli.keepers.passphrase import PassphraseKeeper
from approvals.cli.keepers.pkcs11_token import Pkcs11Keeper, Place
from approvals.cli.roots import aloud, shown_roots
from approvals.cli.visit import Visit

PASSPHRASE, PKCS11 = "passphrase", "pkcs11"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_KEY = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Session:
    """A way in. ``external_id`` is who the site said this is."""

    site: str
    token: str
    external_id: str

    def visit(self) -> Visit:
        return Visit(self.site, token=self.token)


def signed_in(home: Home) -> Session:
    """Return the session of this home. Raises ``CannotGoOn`` if there is none."""
    content = home.read(SESSION)
    if content is None:
        raise CannotGoOn("You are not signed in here. Begin with: sign-in ADDRESS")
    texts = [content.get(name) for name in ("site", "token", "external_id")]
    if not all(isinstance(text, str) and text for text in texts):
        raise CannotGoOn("The session here is damaged. Sign in again.")
    return Session(*(str(text) for text in texts))


def safe_site(address: str) -> str:
    """Return the origin of ``address``. Raises ``CannotGoOn`` where a token could be read on its way."""
    parts = urlsplit(address if "://" in address else f"https://{address}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise CannotGoOn(f"{address} is no address of a site, such as https://countersign.example.com.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise CannotGoOn(f"{address} is not https: whoever stands in between could sign in as you.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def own_key(home: Home, session: Session, *, secret_file: Path | None) -> Keeper:
    """Return the key of this home. Raises ``CannotGoOn`` if there is none for this site and person."""
    content = home.read(KEY)
    if content is None:
        raise CannotGoOn("There is no key here yet. Make one with: enrol")
    if (content.get("site"), content.get("external_id")) != (session.site, session.external_id):
        raise CannotGoOn("The key here is another person's or another site's. Use another --home for this one.")
    return keeper_of(content, secret_file=secret_file)


def keeper_of(content: dict[str, Any], *, secret_file: Path | None) -> Keeper:
    """Return the keeper that ``key.json`` describes; it asks for passphrase or PIN when it has to sign."""
    if content.get("custody") == PASSPHRASE:
        return PassphraseKeeper(
            content.get("file"), lambda: terminal.ask_secret("Passphrase of your key: ", secret_file)
        )
    place, public_key = content.get("place"), content.get("public_key")
    if content.get("custody") != PKCS11 or not isinstance(place, dict) or not _is_key(public_key):
        raise KeyRefused("The key file here is damaged: it cannot be read. Enrol a new key.")
    try:
        where = Place(str(place["module"]), str(place["token"]), str(place["key"]))
    except KeyError as error:
        raise KeyRefused("The key file here is damaged: it cannot be read. Enrol a new key.") from error
    return Pkcs11Keeper(
        where,
        bytes.fromhex(str(public_key)),
        lambda: terminal.ask_secret(f"PIN of {where.token}: ", secret_file),
    )


def pinned_roots(home: Home, session: Session) -> list[bytes]:
    """Return the roots that were pinned here. Raises ``CannotGoOn`` if there are none."""
    content = home.read(ROOTS)
    if content is None or content.get("site") != session.site:
        raise CannotGoOn("No root is pinned here for this site. That happens when you enrol a key, or with: trust")
    roots = content.get("roots")
    if not isinstance(roots, list) or not roots or not all(_is_key(root) for root in roots):
        raise CannotGoOn("The pinned roots here are damaged. Compare the root again, then: trust --root HEX")
    return [bytes.fromhex(root) for root in roots]


def pin(home: Home, session: Session, roots: list[bytes]) -> None:
    home.write(ROOTS, {"site": session.site, "roots": [root.hex() for root in roots]})


async def believed_roots(home: Home, session: Session, visit: Visit) -> list[bytes]:
    """Return the pinned roots that the site shows still; one that was retired is not believed any more.

    While a root is rotated the site shows more than were pinned; those are told of, and not believed. Raises
    ``CannotGoOn`` if it shows none of the pinned ones.
    """
    pinned = pinned_roots(home, session)
    shown = await shown_roots(visit)
    believed = [root for root in pinned if root in shown]
    prints = ", ".join(aloud(root) for root in shown if root not in pinned)
    if not believed:
        raise CannotGoOn(
            f"The site shows another trusted root than the one pinned here. Nothing is signed until you decide: have "
            f"its fingerprint read to you, not over this site, compare it with {prints or 'none'}, then: "
            "trust --root HEX"
        )
    if prints:
        terminal.complain(
            f"The site also shows a root that is not pinned here, {prints}. To sign what it vouches for, have its "
            "fingerprint read to you, not over this site, then: trust --root HEX, for each root that you believe"
        )
    return believed


def _is_key(text: object) -> bool:
    return isinstance(text, str) and _KEY.fullmatch(text) is not None
