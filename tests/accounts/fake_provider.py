"""An OpenID Connect provider on loopback that lies when told to. The honest one is in ``tests/browser``."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import LazySettings
from django.test import Client

CLIENT_ID, CLIENT_SECRET = "countersign", "a secret of the two of them"
ADA = {"sub": "ada-7", "name": "Ada Lovelace"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: rsa.RSAPrivateKey, key_id: str = "one", **more: str) -> dict[str, Any]:
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**{name: jwk[name] for name in ("kty", "n", "e")}, "kid": key_id, "use": "sig", "alg": "RS256", **more}


def signed(claims: dict[str, Any], key: rsa.RSAPrivateKey = KEY, algorithm: str = "RS256", **header: Any) -> str:
    """Sign any claims, also those that PyJWT would not put into a token."""
    return jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm, {"kid": "one", **header})


class FakeProvider:
    """What the provider says. A test changes it before the answer is asked for."""

    def __init__(self, name: str = "acme") -> None:
        self.name = name
        self.address = ""
        self.claims: dict[str, Any] = dict(ADA)
        self.userinfo: dict[str, Any] | None = None
        self.keys: list[dict[str, Any]] = [public_jwk(KEY)]
        self.sign: Callable[[dict[str, Any]], object] = self.honestly
        self.discovery: dict[str, Any] = {}
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.nonce = self.challenge = ""

    def honestly(self, claims: dict[str, Any]) -> object:
        return signed(claims)

    def app(self, **changes: Any) -> dict[str, Any]:
        """Return the provider as ``config.single_sign_on`` makes it of settings."""
        settings = {
            "server_url": self.address,
            "scope": ["openid", "profile"],
            "oauth_pkce_enabled": True,
            "groups_claim": "groups",
            "role_groups": {},
            "origins": [],
            **changes.pop("settings", {}),
        }
        app = {"provider_id": self.name, "name": self.name.capitalize(), "client_id": CLIENT_ID}
        return {**app, "secret": CLIENT_SECRET, **changes, "settings": settings}

    def all_claims(self) -> dict[str, Any]:
        now = int(time.time())
        fixed = {"iss": self.address, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": self.nonce}
        return {name: value for name, value in {**fixed, **self.claims}.items() if value is not None}

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, object]:
        if path == "/.well-known/openid-configuration":
            known = {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/jwks",
                "userinfo_endpoint": f"{self.address}/userinfo",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
            return 200, {name: value for name, value in {**known, **self.discovery}.items() if value is not None}
        if path == "/jwks":
            return 200, {"keys": self.keys}
        if path == "/userinfo":
            return 200, self.userinfo or {"sub": self.claims["sub"]}
        if path == "/token":
            proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if proof.decode().rstrip("=") != self.challenge:
                return 400, {"error": "invalid_grant"}
            return 200, {
                "access_token": "for-userinfo",
                "token_type": "Bearer",
                "id_token": self.sign(self.all_claims()),
            }
        return 404, {}


def handler_for(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.respond({name: values[0] for name, values in parse_qs(body).items()})

        def respond(self, form: dict[str, str]) -> None:
            provider.asked.append((self.path, form, dict(self.headers)))
            if self.path in provider.answers:
                status, body = provider.answers[self.path]
            else:
                status, document = provider.answer(self.path, form)
                body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if 300 <= status < 400:
                self.send_header("Location", body.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests look at what was asked."""

    return Handler


@contextmanager
def running_provider(name: str = "acme") -> Iterator[FakeProvider]:
    provider = FakeProvider(name)
    server = ThreadingHTTPServer(("localhost", 0), handler_for(provider))
    provider.address = f"http://localhost:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configure(settings: LazySettings, *apps: dict[str, Any]) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": list(apps)}, "saml": {"APPS": []}}


def begin(client: Client, provider: FakeProvider, next_url: str = "") -> dict[str, str]:
    """Press the button; return what the browser carries to the provider, which remembers it."""
    response = client.post(f"/accounts/oidc/{provider.name}/login/", {"next": next_url} if next_url else {})
    return arrive(response, provider)


def arrive(response: Any, provider: FakeProvider) -> dict[str, str]:
    assert response.status_code == 302, response.content.decode()
    assert response.url.startswith(f"{provider.address}/authorize?")
    sent = {name: values[0] for name, values in parse_qs(urlsplit(response.url).query).items()}
    provider.nonce, provider.challenge = sent["nonce"], sent["code_challenge"]
    return sent


def finish(client: Client, provider: FakeProvider, sent: dict[str, str], **changes: str) -> Any:
    """Come back from the provider."""
    answer = {"code": "a-code", "state": sent["state"], **changes}
    return client.get(f"/accounts/oidc/{provider.name}/login/callback/", answer)


def sign_in(client: Client, provider: FakeProvider, next_url: str = "") -> Any:
    return finish(client, provider, begin(client, provider, next_url))
