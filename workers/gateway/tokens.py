"""Who calls: the bearer token of a call, verified."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from workers.gateway.errors import TokenInvalid, TokenMissing
from workers.gateway.issuer_keys import IssuerKeys
from workers.gateway.rights import Rights, rights_of

# How far the issuer's clock may be from ours, either way. Seconds.
LEEWAY = 10
_MAXIMUM_LENGTH = 16 * 1024
_MINIMUM_RSA_BITS = 2048
_NAME_LENGTH = 200
_BEARER = "bearer "
# Signature algorithms with a public key, and the keys each takes: a shared secret could forge what it checks.
_KEY_TYPES = {
    **{f"{family}{size}": ("RSA", None) for family in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """``token_id`` is the token's own (``jti``), or else the beginning of its SHA-256."""

    subject: str
    token_id: str
    rights: Rights


class Tokens:
    """Verifies tokens of one issuer that are meant for this gateway."""

    def __init__(self, *, keys: IssuerKeys, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience

    async def caller(self, authorizations: Sequence[str], *, certificate: bytes | None) -> Caller:
        """Return whose token the call's ``authorization`` headers carry.

        1. There is exactly one header, and it is a bearer token.
        2. Its algorithm has a public key, and it has no extension that is not known here.
        3. Exactly one of the issuer's keys is meant, and it is strong.
        4. That key signed it; ``iss``, ``aud``, ``exp``, ``nbf`` and ``iat`` hold; there is a subject.
        5. A token bound to a client certificate (RFC 8705) comes with that certificate, ``certificate`` in PEM.

        Raises ``TokenMissing``, ``TokenInvalid``, ``KeysAway``.
        """
        token = _bearer(authorizations)  # 1
        try:
            algorithm, key_id = _header(token)  # 2
            key = _key(await self._keys.of(key_id), algorithm, key_id)  # 3
            claims = jwt.decode(  # 4
                token,
                key=key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError, KeyError) as error:
            raise TokenInvalid(_sentence(error)) from None
        _check_certificate(claims, certificate)  # 5
        own_id = claims.get("jti")
        return Caller(
            subject=claims["sub"][:_NAME_LENGTH],
            token_id=str(own_id)[:_NAME_LENGTH]
            if own_id
            else "sha256:" + hashlib.sha256(token.encode()).hexdigest()[:16],
            rights=rights_of(claims.get("permissions")),
        )


def _bearer(authorizations: Sequence[str]) -> str:
    if not authorizations:
        raise TokenMissing("Send a token: authorization: Bearer …")
    if len(authorizations) > 1:
        raise TokenInvalid("Send one token, not several.")
    (header,) = authorizations
    if not header.lower().startswith(_BEARER):
        raise TokenMissing("Send the token as: authorization: Bearer …")
    token = header[len(_BEARER) :].strip()
    if len(token) > _MAXIMUM_LENGTH or not token.isascii():
        raise TokenInvalid("The token is larger than any token, or no token.")
    return token


def _header(token: str) -> tuple[str, str | None]:
    header = jwt.get_unverified_header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in _KEY_TYPES:
        raise TokenInvalid("The token is not signed with a public key.")
    if "crit" in header:
        raise TokenInvalid("The token has an extension that is not known here.")
    return str(algorithm), key_id


def _key(keys: list[dict[str, Any]], algorithm: str, key_id: str | None) -> jwt.PyJWK:
    kind, curve = _KEY_TYPES[algorithm]
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        # A PEM key has no id, and is the only one.
        and (key_id is None or key.get("kid", key_id if len(keys) == 1 else None) == key_id)
    ]
    if len(fitting) != 1:
        raise TokenInvalid("The token is signed with no key of the issuer's.")
    key = jwt.PyJWK(fitting[0], algorithm=algorithm)
    if kind == "RSA" and key.key.key_size < _MINIMUM_RSA_BITS:
        raise TokenInvalid("The issuer's RSA key is too short.")
    return key


def _sentence(error: Exception) -> str:
    """Return what to say of ``error``: nothing of the token's."""
    match error:
        case jwt.ExpiredSignatureError():
            return "The token has expired. Get a new one."
        case jwt.ImmatureSignatureError():
            return "The token is not valid yet. Is a clock wrong?"
        case jwt.InvalidAudienceError():
            return "The token is not for this gateway."
        case jwt.InvalidIssuerError():
            return "The token comes from another issuer."
        case jwt.MissingRequiredClaimError():
            return "The token lacks one of iss, sub, aud and exp."
    return "The token's signature or content does not hold."


def _check_certificate(claims: dict[str, Any], certificate: bytes | None) -> None:
    if "cnf" not in claims:
        return
    bound_to = claims["cnf"].get("x5t#S256") if isinstance(claims["cnf"], dict) else None
    if certificate is None or bound_to != _thumbprint(certificate):
        raise TokenInvalid("The token is bound to a key that the caller has not shown.")


def _thumbprint(certificate: bytes) -> str:
    digest = load_pem_x509_certificate(certificate).fingerprint(SHA256())
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
