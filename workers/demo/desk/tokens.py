"""Which tokens the demo's MCP server takes: signed access tokens of its authorization server, for it alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier

_ALGORITHMS = ["RS256", "ES256", "EdDSA"]
_MAXIMUM_CHARACTERS = 16 * 1024
Keys = Callable[[], Awaitable[jwt.PyJWKSet]]


class SignedTokens(TokenVerifier):
    """Verifies JWT access tokens (RFC 9068) of ``issuer`` for ``resource`` with the keys that it publishes."""

    def __init__(self, *, issuer: str, resource: str, keys: Keys) -> None:
        self._issuer, self._resource, self._keys = issuer, resource, keys

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the token says, or None for one that is not good here: that is answered with 401."""
        try:
            claims = self._claims(token, await self._keys())
        except (jwt.PyJWTError, ValueError, KeyError):
            return None
        return AccessToken(
            token=token,
            client_id=str(claims["client_id"]),
            scopes=str(claims.get("scope", "")).split(),
            expires_at=int(claims["exp"]),
            resource=self._resource,
            subject=str(claims["sub"]),
            claims=claims,
        )

    def _claims(self, token: str, keys: jwt.PyJWKSet) -> dict[str, Any]:
        if len(token) > _MAXIMUM_CHARACTERS:
            raise ValueError("No token is so long.")
        header = jwt.get_unverified_header(token)
        # An ID token says who somebody is, not what may be done.
        if str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
            raise ValueError("This is no access token.")
        return dict(
            jwt.decode(
                token,
                keys[str(header.get("kid", ""))],
                algorithms=_ALGORITHMS,
                issuer=self._issuer,
                audience=self._resource,
                options={"require": ["exp", "iat", "sub", "aud", "iss", "client_id"], "strict_aud": True},
            )
        )
