"""The public keys of whoever issues tokens: a JWKS at an address or in a file, or one PEM public key in a file."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from accounts.errors import ProviderDown
from accounts.sign_in.openid.http import GuardedSession, fetch_json
from workers.gateway.errors import KeysAway

logger = logging.getLogger(__name__)

# Seconds. A key that its issuer withdraws counts no more after FRESH; while the issuer is away, after STALE.
FRESH = 300
STALE = 3600
# How often an unknown key id, which anybody can send, makes us ask.
ASK_AGAIN = 5
# Key ids that are remembered as missing: callers choose them.
_MOST_MISSED = 200
_MAXIMUM_BYTES = 1024 * 1024


class IssuerKeys:
    """Keeps the keys of ``source`` and asks for them anew, in a thread, when they are old or one is missing."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: list[dict[str, Any]] = []
        self._read_at = self._asked_at = float("-inf")
        self._missed: dict[str, float] = {}
        self._asking = asyncio.Lock()

    async def of(self, key_id: str | None) -> list[dict[str, Any]]:
        """Return the keys, as JWKs. Raises ``KeysAway``.

        A key id that is missing may be of a key that the issuer has made since it was asked: until it was asked again,
        that is ``KeysAway`` too, so that whoever calls with a new key is put off and not refused.
        """
        missed_at = self._missed_at(key_id)
        if self._age() > FRESH or missed_at is not None:
            async with self._asking:
                if time.monotonic() - self._asked_at > ASK_AGAIN:
                    await self._ask()
        if self._age() > STALE:
            raise KeysAway("The keys of the tokens' issuer cannot be read, so no token can be checked. Try again soon.")
        is_named = all("kid" in key for key in self._keys)
        if is_named and missed_at is not None and missed_at > self._read_at and self._lacks(key_id):
            raise KeysAway("The key of this token is not known yet, and the issuer was asked just now. Try again soon.")
        return self._keys

    def _missed_at(self, key_id: str | None) -> float | None:
        """Return since when ``key_id`` is known to be missing, or None if it is not."""
        if key_id is None or not self._lacks(key_id):
            return None
        if len(self._missed) >= _MOST_MISSED:
            self._missed.clear()
        return self._missed.setdefault(key_id, time.monotonic())

    def _lacks(self, key_id: str | None) -> bool:
        return all(key.get("kid") != key_id for key in self._keys)

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def _ask(self) -> None:
        asked_at = self._asked_at = time.monotonic()
        try:
            self._keys = await asyncio.to_thread(read_keys, self._source)
        except KeysAway as error:
            logger.warning("%s", error)
        else:
            # What the issuer changes while it answers is not known.
            self._read_at = asked_at


def read_keys(source: str) -> list[dict[str, Any]]:
    """Return the keys at ``source``, as JWKs. Raises ``KeysAway`` with the reason."""
    try:
        if source.startswith(("https://", "http://")):
            with GuardedSession() as session:
                document: Any = fetch_json(session, source)
        else:
            content = Path(source).read_bytes()[:_MAXIMUM_BYTES]
            if content.lstrip().startswith(b"-----BEGIN"):
                return [_jwk(content)]
            document = json.loads(content)
    except ProviderDown as error:
        raise KeysAway(f"The keys of the tokens' issuer cannot be read: {error}.") from None
    except (OSError, ValueError, TypeError, RecursionError, requests.RequestException) as error:
        raise KeysAway(f"The keys in {source} cannot be read ({type(error).__name__}).") from None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not keys:
        raise KeysAway(f"{source} is no JWKS: it has no list of keys.")
    return [key for key in keys if isinstance(key, dict)]


def _jwk(pem: bytes) -> dict[str, Any]:
    key = load_pem_public_key(pem)
    if isinstance(key, RSAPublicKey):
        return RSAAlgorithm.to_jwk(key, as_dict=True)
    if isinstance(key, EllipticCurvePublicKey):
        return ECAlgorithm.to_jwk(key, as_dict=True)
    if isinstance(key, Ed25519PublicKey):
        return OKPAlgorithm.to_jwk(key, as_dict=True)
    raise ValueError("unknown kind of key")
