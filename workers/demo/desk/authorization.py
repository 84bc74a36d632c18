"""The demo's authorization server: a token endpoint that exchanges tokens (RFC 8693), and nothing else.

It stands in for an identity provider, which would have the sign-in that gave it the refresh tokens. On loopback only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN_SECONDS = 120
_TYPES = "urn:ietf:params:oauth:token-type"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


class Refused(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Consent:
    """That ``agent`` may act for ``person`` with ``scopes``, as they agreed when they signed in."""

    person: str
    agent: str
    scopes: frozenset[str]


@dataclass
class AuthorizationServer:
    """``agents``: secrets by agent. ``consents``: by refresh token. Neither is kept in the clear."""

    issuer: str
    resource: str
    agents: Mapping[str, bytes]
    consents: Mapping[bytes, Consent]
    _key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    _key_id: str = field(default_factory=lambda: secrets.token_hex(8))

    async def keys(self) -> jwt.PyJWKSet:
        """Return what tokens verify with."""
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key()))
        return jwt.PyJWKSet([{**public, "kid": self._key_id, "alg": "EdDSA", "use": "sig"}])

    @property
    def routes(self) -> list[Route]:
        return [Route("/token", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        try:
            agent = self._agent(request.headers.get("authorization", ""))
            async with request.form(max_files=0, max_fields=20) as form:
                answer = self._exchange(agent, {name: str(value) for name, value in form.items()})
        except Refused as refused:
            return JSONResponse({"error": refused.code}, status_code=refused.status, headers=_UNCACHED)
        return JSONResponse(answer, headers=_UNCACHED)

    def _agent(self, header: str) -> str:
        kind, _, encoded = header.partition(" ")
        try:
            name, _, secret = b64decode(encoded, validate=True).decode().partition(":")
        except (NotBase64, ValueError):
            raise Refused("invalid_client", 401) from None
        known = self.agents.get(unquote_plus(name), b"")
        if kind.lower() != "basic" or not hmac.compare_digest(known, digest(unquote_plus(secret))):
            raise Refused("invalid_client", 401)
        return unquote_plus(name)

    def _exchange(self, agent: str, form: Mapping[str, str]) -> dict[str, object]:
        if form.get("grant_type") != _GRANT:
            raise Refused("unsupported_grant_type")
        if form.get("subject_token_type") != f"{_TYPES}:refresh_token":
            raise Refused("invalid_request")
        consent = self.consents.get(digest(form.get("subject_token", "")))
        if consent is None or consent.agent != agent:
            raise Refused("invalid_grant")
        if form.get("resource") != self.resource:
            raise Refused("invalid_target")
        wanted = set(form.get("scope", "").split())
        if not wanted or not wanted <= consent.scopes:
            raise Refused("invalid_scope")
        return {
            "access_token": self._token(consent, wanted),
            "issued_token_type": f"{_TYPES}:access_token",
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(sorted(wanted)),
        }

    def _token(self, consent: Consent, scopes: set[str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": consent.person,
            "act": {"sub": consent.agent},
            "client_id": consent.agent,
            "aud": self.resource,
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": self._key_id})


_UNCACHED = {"cache-control": "no-store"}


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
