"""Verifying ID tokens: OpenID Connect Core 1.0, section 3.1.3.7, and stricter where it leaves a choice."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import Any

import jwt

from accounts.errors import SignInRefused
from accounts.sign_in.openid import signing_keys
from accounts.sign_in.openid.signing_keys import Fault, Unfit

# How far the provider's clock may be from ours, either way.
SKEW_SECONDS = 30
_FAULTS = {
    Fault.NO_PUBLIC_KEY: "the ID token is not signed with a public key",
    Fault.UNKNOWN_EXTENSION: "the ID token has an extension that is not known here",
    Fault.NOT_ONE_KEY: "{fitting} of the provider's keys fit the ID token",
    Fault.WEAK_KEY: "the provider's RSA key is too short",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say to belong to this sign-in. ``started`` is when it began, seconds since 1970."""

    issuer: str
    client_id: str
    nonce: str
    started: float


def verify(id_token: object, *, keys: object, expected: Expected) -> dict[str, Any]:
    """Return the claims of a token that holds.

    1. It is signed, by an algorithm with a public key and no extension that we do not know.
    2. Exactly one of the provider's ``keys`` (the ``keys`` of its JWKS) is meant, is for signatures and is strong.
    3. That key signed it; ``iss`` is the provider, ``aud`` names us, ``exp``, ``nbf`` and ``iat`` hold within 30 s.
    4. A token for several audiences says that we asked for it (``azp``).
    5. It was made for this sign-in (``nonce``), so not before that began.
    6. ``sub`` is a text.

    Raises ``SignInRefused`` with the reason.
    """
    if not isinstance(id_token, str):
        raise SignInRefused("there is no ID token")
    try:
        algorithm, key_id = signing_keys.header_of(id_token)  # 1
        if not isinstance(keys, list):
            raise SignInRefused("the provider publishes no keys")
        key = signing_keys.choose(keys, algorithm, key_id)  # 2
        claims = jwt.decode(  # 3
            id_token,
            key=key,
            algorithms=[algorithm],
            issuer=expected.issuer,
            audience=expected.client_id,
            leeway=SKEW_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
        _check_audience(claims, expected.client_id)  # 4
        _check_nonce(claims, expected)  # 5
    except Unfit as unfit:
        raise SignInRefused(_FAULTS[unfit.fault].format(fitting=unfit.fitting)) from None
    except signing_keys.MALFORMED as error:
        raise SignInRefused(f"the ID token does not hold: {type(error).__name__}: {error}"[:300]) from error
    if not isinstance(claims["sub"], str):  # 6
        raise SignInRefused("the ID token's sub is not a text")
    return claims


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    asked_for_by = claims.get("azp", client_id if len(audiences) == 1 else None)
    if asked_for_by != client_id:
        raise SignInRefused("the ID token was made for another client")


def _check_nonce(claims: dict[str, Any], expected: Expected) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), expected.nonce.encode(errors="replace")
    ):
        raise SignInRefused("the ID token was made for another sign-in")
    if float(claims["iat"]) < expected.started - SKEW_SECONDS:
        raise SignInRefused("the ID token is older than this sign-in, or the clocks differ")


def fresh_auth_time(claims: dict[str, Any]) -> int | None:
    """Return when the person signed in at the provider, seconds since 1970; None if it is not said or not past."""
    auth_time = claims.get("auth_time")
    if isinstance(auth_time, bool) or not isinstance(auth_time, int) or auth_time > time.time() + SKEW_SECONDS:
        return None
    return auth_time
