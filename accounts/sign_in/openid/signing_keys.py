"""Which key a signed token (JWT) means, and whether it may. Pure: whoever takes tokens chooses by the same rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import jwt

# What PyJWT and a token's own content can raise.
MALFORMED = (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError, KeyError)
_MINIMUM_RSA_BITS = 2048
# Signature algorithms with a public key, and the keys each takes: a shared secret could forge what it checks.
_KEY_TYPES = {
    **{f"{family}{size}": ("RSA", None) for family in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


class Fault(StrEnum):
    """Why a token is not looked at further."""

    NO_PUBLIC_KEY = "not signed with a public key"
    UNKNOWN_EXTENSION = "an extension that is not known"
    NOT_ONE_KEY = "no key fits, or several do"
    WEAK_KEY = "an RSA key that is too short"


class Unfit(Exception):
    """A token that no key may be tried on; ``fitting`` counts the keys that fit."""

    def __init__(self, fault: Fault, *, fitting: int = 0) -> None:
        super().__init__(fault.value)
        self.fault, self.fitting = fault, fitting


def header_of(token: str) -> tuple[str, str | None]:
    """Return the algorithm of ``token`` and the id of its key, if it names one. Raises ``Unfit`` and ``MALFORMED``."""
    header = jwt.get_unverified_header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in _KEY_TYPES:
        raise Unfit(Fault.NO_PUBLIC_KEY)
    if "crit" in header:
        raise Unfit(Fault.UNKNOWN_EXTENSION)
    return str(algorithm), key_id


def choose(keys: list[Any], algorithm: str, key_id: str | None) -> jwt.PyJWK:
    """Return the one of ``keys``, the ``keys`` of a JWKS, that is meant. Raises ``Unfit`` and ``MALFORMED``."""
    kind, curve = _KEY_TYPES[algorithm]
    fitting = [
        key
        for key in keys
        if isinstance(key, dict)
        and key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
    if len(fitting) != 1:
        raise Unfit(Fault.NOT_ONE_KEY, fitting=len(fitting))
    key = jwt.PyJWK(fitting[0], algorithm=algorithm)
    if kind == "RSA" and key.key.key_size < _MINIMUM_RSA_BITS:
        raise Unfit(Fault.WEAK_KEY)
    return key
