"""Tokens that were forged, replayed, or made for others let nobody in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import LazySettings
from django.test import Client

from accounts.models import Person
from tests.accounts.fake_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    KEY,
    FakeProvider,
    begin,
    configure,
    finish,
    public_jwk,
    running_provider,
    sign_in,
    signed,
)
from tests.accounts.test_sign_in import who

pytestmark = pytest.mark.django_db
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def acme(settings: LazySettings) -> Iterator[FakeProvider]:
    with running_provider() as provider:
        configure(settings, provider.app())
        yield provider


def encoded(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def with_secret(claims: dict[str, Any], secret: bytes, **header: str) -> str:
    """Sign with a shared secret, by hand: PyJWT refuses to use a public key as one."""
    head = f"{encoded({'alg': 'HS256', 'typ': 'JWT', **header})}.{encoded(claims)}"
    return f"{head}.{encoded(hmac.digest(secret, head.encode(), hashlib.sha256))}"


def public_bytes() -> bytes:
    return json.dumps(public_jwk(KEY)).encode()


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "alg none": lambda claims: f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}.",
    "alg none, and a key": lambda claims: f"{encoded({'alg': 'none', 'kid': 'one'})}.{encoded(claims)}.",
    "alg None": lambda claims: f"{encoded({'alg': None, 'kid': 'one'})}.{encoded(claims)}.",
    "alg a list": lambda claims: f"{encoded({'alg': ['RS256'], 'kid': 'one'})}.{encoded(claims)}.",
    "HS256 with the secret": lambda claims: with_secret(claims, CLIENT_SECRET.encode(), kid="one"),
    "HS256 with the public key": lambda claims: with_secret(claims, public_bytes(), kid="one"),
    "signed by a stranger": lambda claims: signed(claims, STRANGER),
    "signed by a stranger who shows the key": lambda claims: signed(claims, STRANGER, jwk=public_jwk(STRANGER)),
    "a key nobody published": lambda claims: signed(claims, kid="two"),
    "another algorithm than the key's": lambda claims: signed(claims, KEY, "PS256"),
    "an unknown extension": lambda claims: signed(claims, crit=["b64"], b64=True),
    "another signature": lambda claims: signed(claims)[:-8] + "AAAAAAAA",
    "changed after signing": lambda claims: ".".join(
        [signed(claims).split(".")[0], encoded({**claims, "sub": "grace"}), signed(claims).split(".")[2]]
    ),
    "no signature": lambda claims: signed(claims).rpartition(".")[0] + ".",
    "no token": lambda claims: None,
    "not a token": lambda claims: "a.b.c",
    "a list": lambda claims: [signed(claims)],
    "an object": lambda claims: claims,
    "encrypted": lambda claims: ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a", "b", "c", "d"]),
    "claims that are a list": lambda claims: jwt.api_jws.encode(b"[]", KEY, "RS256", {"kid": "one"}),
    "claims deeper than any": lambda claims: jwt.api_jws.encode(b"[" * 100_000, KEY, "RS256", {"kid": "one"}),
    "endless numbers": lambda claims: signed({**claims, "exp": float("inf")}),
    "no number": lambda claims: signed({**claims, "iat": float("nan")}),
}


def refused(client: Client, acme: FakeProvider) -> None:
    response = sign_in(client, acme)
    assert response.status_code == 403, response.content.decode()
    assert who(client) is None
    assert not Person.objects.exists()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_lets_nobody_in(client: Client, acme: FakeProvider, forgery: str) -> None:
    acme.sign = FORGERIES[forgery]
    refused(client, acme)


def in_seconds(seconds: int) -> int:
    return int(time.time()) + seconds


WRONG_CLAIMS: dict[str, Callable[[], dict[str, Any]]] = {
    "another audience": lambda: {"aud": "another"},
    "no audience": lambda: {"aud": None},
    "an empty audience": lambda: {"aud": []},
    "an odd audience": lambda: {"aud": [CLIENT_ID, 7]},
    "an audience nested": lambda: {"aud": {"aud": CLIENT_ID}},
    "several audiences, asked for by nobody": lambda: {"aud": [CLIENT_ID, "another"]},
    "several audiences, asked for by another": lambda: {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "asked for by another": lambda: {"azp": "another"},
    "another issuer": lambda: {"iss": "https://evil.example"},
    "an issuer with a slash more": lambda: {"iss": "http://localhost:1/"},
    "issuers": lambda: {"iss": ["https://evil.example"]},
    "no issuer": lambda: {"iss": None},
    "another nonce": lambda: {"nonce": "another"},
    "no nonce": lambda: {"nonce": None},
    "an odd nonce": lambda: {"nonce": ["nonce"]},
    "a nonce that cannot be written": lambda: {"nonce": "\ud800"},
    "expired": lambda: {"exp": in_seconds(-40)},
    "never expires": lambda: {"exp": None},
    "expires in words": lambda: {"exp": "tomorrow"},
    "from the future": lambda: {"iat": in_seconds(40)},
    "not valid yet": lambda: {"nbf": in_seconds(40)},
    "older than the sign-in": lambda: {"iat": in_seconds(-40)},
    "made at no time": lambda: {"iat": None},
    "nobody": lambda: {"sub": None},
    "a number": lambda: {"sub": 7},
    "a truth": lambda: {"sub": True},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
def test_a_token_with_wrong_claims_lets_nobody_in(client: Client, acme: FakeProvider, wrong: str) -> None:
    acme.claims |= WRONG_CLAIMS[wrong]()
    refused(client, acme)


@pytest.mark.parametrize("subject", ["", " ada", "ada\n", "ada\x00", "ada\u202e", "a" * 256, "a" * 400, "\ud800"])
def test_a_subject_that_cannot_be_recorded_lets_nobody_in(client: Client, acme: FakeProvider, subject: str) -> None:
    acme.claims["sub"] = subject
    response = sign_in(client, acme)
    assert response.status_code in (422, 403)
    assert who(client) is None
    assert not Person.objects.exists()


def test_issuer_and_subject_that_are_too_long_together_are_refused_with_a_sentence(
    client: Client, acme: FakeProvider, settings: LazySettings
) -> None:
    """Each fits its column; both together do not fit where signatures and grants carry them."""
    acme.address += "/" + "x" * 100
    configure(settings, acme.app())
    acme.answers = {
        f"/{'x' * 100}{path}": (200, json.dumps(acme.answer(path, {})[1]).encode())
        for path in ("/.well-known/openid-configuration", "/jwks")
    }
    acme.claims["sub"] = "s" * 250
    sent = begin(client, acme)
    token = json.dumps({"access_token": "x", "id_token": acme.sign(acme.all_claims())}).encode()
    acme.answers[f"/{'x' * 100}/token"] = (200, token)
    response = finish(client, acme, sent)
    assert response.status_code == 422
    assert "shorter subject" in response.content.decode()
    assert not Person.objects.exists()


def test_a_token_of_an_earlier_sign_in_lets_nobody_in(client: Client, acme: FakeProvider) -> None:
    """Whoever finds a token, in a log perhaps, cannot put it into a sign-in of their own."""
    sent = begin(Client(), acme)
    found = acme.sign(acme.all_claims())
    assert sent["nonce"] == acme.nonce
    acme.sign = lambda claims: found
    refused(client, acme)


def test_a_code_of_another_sign_in_is_worth_nothing(client: Client, acme: FakeProvider) -> None:
    """The provider checks PKCE: what we send with the code must fit what the browser carried."""
    begin(Client(), acme)
    stolen = acme.challenge
    sent = begin(client, acme)
    acme.challenge = stolen
    assert finish(client, acme, sent).status_code == 403
    assert who(client) is None


# A machine that is busy may take some of the thirty seconds.
SKEWED = {
    "expired 25 s ago": {"exp": -25},
    "made in 25 s": {"iat": 25},
    "valid in 25 s": {"nbf": 25},
    "made 25 s before the sign-in": {"iat": -25, "exp": 100},
}


@pytest.mark.parametrize("skew", SKEWED)
def test_clocks_may_differ_by_half_a_minute(client: Client, acme: FakeProvider, skew: str) -> None:
    acme.sign = lambda claims: signed({**claims, **{name: in_seconds(by) for name, by in SKEWED[skew].items()}})
    sign_in(client, acme)
    assert who(client)


# --- keys -----------------------------------------------------------------------------------

EC_KEY, ED_KEY = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
SECRET_JWK = {"kty": "oct", "kid": "one", "k": encoded(b"x" * 32)}


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_every_usual_signature_is_accepted(client: Client, acme: FakeProvider, algorithm: str) -> None:
    key: Any = {"ES256": EC_KEY, "EdDSA": ED_KEY}.get(algorithm, KEY)
    form = {"ES256": jwt.algorithms.ECAlgorithm, "EdDSA": jwt.algorithms.OKPAlgorithm}.get(algorithm)
    jwk = json.loads(form.to_jwk(key.public_key())) if form else public_jwk(KEY, alg=algorithm)
    acme.keys = [public_jwk(STRANGER, "other"), {**jwk, "kid": "one"}]
    acme.sign = lambda claims: jwt.encode(claims, key, algorithm, headers={"kid": "one"})
    sign_in(client, acme)
    assert who(client)


def test_a_new_key_of_the_provider_is_used_at_once(client: Client, acme: FakeProvider) -> None:
    sign_in(Client(), acme)
    acme.keys = [public_jwk(STRANGER, "new"), public_jwk(KEY)]
    acme.sign = lambda claims: signed(claims, STRANGER, kid="new")
    sign_in(client, acme)
    assert who(client)


def test_a_token_that_names_no_key_is_fine_while_there_is_one(client: Client, acme: FakeProvider) -> None:
    acme.sign = lambda claims: jwt.encode(claims, KEY, "RS256")
    sign_in(client, acme)
    assert who(client)
    acme.keys = [public_jwk(KEY), public_jwk(STRANGER, "other")]
    assert sign_in(Client(), acme).status_code == 403


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [7, None, "key"],
        [SECRET_JWK],
        [{"kty": "RSA", "kid": "one", "alg": "RS256"}],
        [{"kty": "RSA", "kid": "one", "n": "!", "e": 7}],
        [public_jwk(KEY, use="enc")],
        [public_jwk(KEY), public_jwk(STRANGER)],
        {"one": public_jwk(KEY)},
        None,
    ],
)
def test_keys_that_cannot_be_right_verify_nothing(client: Client, acme: FakeProvider, keys: Any) -> None:
    acme.keys = keys
    refused(client, acme)


def test_a_short_key_verifies_nothing(client: Client, acme: FakeProvider) -> None:
    acme.keys = [public_jwk(SHORT)]
    acme.sign = lambda claims: signed(claims, SHORT)
    refused(client, acme)


def test_a_secret_that_the_provider_publishes_verifies_nothing(client: Client, acme: FakeProvider) -> None:
    acme.keys = [SECRET_JWK]
    acme.sign = lambda claims: with_secret(claims, b"x" * 32, kid="one")
    refused(client, acme)


# --- userinfo -------------------------------------------------------------------------------


def test_userinfo_about_somebody_else_lets_nobody_in(client: Client, acme: FakeProvider) -> None:
    acme.claims = {"sub": "ada-7"}
    acme.userinfo = {"sub": "grace-9", "name": "Grace Hopper"}
    refused(client, acme)


@pytest.mark.parametrize("userinfo", [{"name": "Grace"}, {"sub": ["ada-7"]}, {"sub": None}])
def test_userinfo_about_nobody_lets_nobody_in(client: Client, acme: FakeProvider, userinfo: dict[str, Any]) -> None:
    acme.claims = {"sub": "ada-7"}
    acme.userinfo = userinfo
    refused(client, acme)


def test_userinfo_adds_what_the_token_lacks_and_changes_nothing_else(client: Client, acme: FakeProvider) -> None:
    acme.claims = {"sub": "ada-7"}
    acme.userinfo = {"sub": "ada-7", "name": "Ada Lovelace", "iss": "https://evil.example", "auth_time": 7}
    sign_in(client, acme)
    assert Person.objects.get().display_name == "Ada Lovelace"
    assert Person.objects.get().issuer == acme.address
