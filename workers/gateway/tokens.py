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

from accounts.sign_in.openid import signing_keys
from accounts.sign_in.openid.signing_keys import Fault, Unfit
from workers.gateway.errors import TokenInvalid, TokenMissing
from workers.gateway.issuer_keys import IssuerKeys
from workers.gateway.rights import Rights, rights_of

# How far the issuer's clock may be from ours, either way. Seconds.
LEEWAY = 10
_MAXIMUM_LENGTH = 16 * 1024
_NAME_LENGTH = 200
_BEARER = "bearer "
_FAULTS = {
    Fault.NO_PUBLIC_KEY: "The token is not signed with a public key.",
    Fault.UNKNOWN_EXTENSION: "The token has an extension that is not known here.",
    Fault.NOT_ONE_KEY: "The token is signed with no key of the issuer's.",
    Fault.WEAK_KEY: "The issuer's RSA key is too short.",
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
            algorithm, key_id = signing_keys.header_of(token)  # 2
            key = signing_keys.choose(_named(await self._keys.of(key_id), key_id), algorithm, key_id)  # 3
            claims = jwt.decode(  # 4
                token,
                key=key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except Unfit as unfit:
            raise TokenInvalid(_FAULTS[unfit.fault]) from None
        except signing_keys.MALFORMED as error:
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


def _named(keys: list[dict[str, Any]], key_id: str | None) -> list[dict[str, Any]]:
    # A PEM key has no id, and is the only one: whatever a token calls it, it is the one that is meant.
    return [{"kid": key_id, **keys[0]}] if len(keys) == 1 and key_id is not None else keys


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
