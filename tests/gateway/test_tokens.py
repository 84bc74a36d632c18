"""Tokens that hold, and those that do not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from jwt.algorithms import RSAAlgorithm

from tests.gateway.issuing import AUDIENCE, ISSUER, Authority, Issuer
from workers.gateway import issuer_keys
from workers.gateway.errors import KeysAway, TokenInvalid, TokenMissing
from workers.gateway.issuer_keys import IssuerKeys
from workers.gateway.tokens import Caller, Tokens


@pytest.fixture
def tokens(issuer) -> Tokens:
    return Tokens(keys=IssuerKeys(str(issuer.file)), issuer=ISSUER, audience=AUDIENCE)


async def caller_of(tokens: Tokens, token: str, certificate: bytes | None = None) -> Caller:
    return await tokens.caller([f"Bearer {token}"], certificate=certificate)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_token_says_who_calls(tokens, issuer) -> None:
    caller = await caller_of(tokens, issuer.token("stg:write"))
    assert (caller.subject, caller.token_id) == ("worker-7", "token-1")
    unnamed = await caller_of(tokens, issuer.token("stg:write", jti=None))
    assert unnamed.token_id.startswith("sha256:")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"nbf": 9_000_000_000},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": None},
        {"sub": None},
        {"sub": 7},
        {"cnf": {"x5t#S256": "of another certificate"}},
        {"cnf": {"jkt": "a kind that is not known here"}},
        {"cnf": "nonsense"},
    ],
    ids=str,
)
async def test_a_token_that_does_not_hold_lets_nobody_in(tokens, issuer, claims) -> None:
    with pytest.raises(TokenInvalid):
        await caller_of(tokens, issuer.token("stg:write", **claims))


async def test_clocks_may_differ_by_seconds_and_not_more(tokens, issuer) -> None:
    now = time.time()
    await caller_of(tokens, issuer.token("stg:read", exp=now - 5, nbf=now + 5))
    for claims in ({"exp": now - 20}, {"nbf": now + 20}):
        with pytest.raises(TokenInvalid):
            await caller_of(tokens, issuer.token("stg:read", **claims))


async def test_a_token_without_a_signature_lets_nobody_in(tokens, issuer) -> None:
    claims = claims_of(issuer.token("stg:write"))
    for algorithm in ("none", "None", "NONE", ""):
        with pytest.raises(TokenInvalid):
            await caller_of(tokens, f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}.")


async def test_the_public_key_is_no_shared_secret(tokens, issuer) -> None:
    claims = claims_of(issuer.token("stg:write"))
    raw = issuer.key.public_key().public_bytes_raw()
    for secret in (issuer.public_pem(), raw, issuer.file.read_bytes()):
        signed = f"{part({'alg': 'HS256', 'kid': issuer.key_id})}.{part(claims)}"
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        forged = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        with pytest.raises(TokenInvalid):
            await caller_of(tokens, forged)


async def test_a_shared_secret_in_the_key_set_is_not_used(tokens, issuer) -> None:
    secret = "a secret that somebody put where public keys belong"
    encoded = base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
    issuer.file.write_text(json.dumps({"keys": [{"kty": "oct", "k": encoded, "kid": "first", "alg": "HS256"}]}))
    forged = jwt.encode(claims_of(issuer.token("stg:write")), secret, algorithm="HS256", headers={"kid": "first"})
    with pytest.raises(TokenInvalid):
        await caller_of(tokens, forged)


async def test_a_key_of_somebody_else_or_in_the_token_itself_signs_nothing(tokens, issuer) -> None:
    stranger = ed25519.Ed25519PrivateKey.generate()
    claims = claims_of(issuer.token("stg:write"))
    own_key = jwt.algorithms.OKPAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    for headers in ({"kid": "first"}, {"kid": "first", "jwk": own_key}, {"jwk": own_key}, {"kid": "another"}):
        with pytest.raises((TokenInvalid, KeysAway)):
            await caller_of(tokens, jwt.encode(claims, stranger, algorithm="EdDSA", headers=headers))


async def test_a_changed_claim_breaks_the_signature(tokens, issuer) -> None:
    header, _, signature = issuer.token("stg:read").split(".")
    claims = claims_of(issuer.token("prd:admin"))
    with pytest.raises(TokenInvalid):
        await caller_of(tokens, f"{header}.{part(claims)}.{signature}")


async def test_an_extension_that_must_be_understood_is_refused(tokens, issuer) -> None:
    with pytest.raises(TokenInvalid):
        await caller_of(tokens, issuer.token("stg:read", headers={"crit": ["exp"]}))


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
async def test_a_short_rsa_key_is_refused(tokens, issuer) -> None:
    for bits, holds in ((1024, False), (2048, True)):
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        published = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": str(bits)}
        issuer.file.write_text(json.dumps({"keys": [published]}))
        fresh = Tokens(keys=IssuerKeys(str(issuer.file)), issuer=ISSUER, audience=AUDIENCE)
        claims = claims_of(issuer.token("stg:read"))
        token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": str(bits)})
        if holds:
            assert (await caller_of(fresh, token)).subject == "worker-7"
        else:
            with pytest.raises(TokenInvalid):
                await caller_of(fresh, token)


@pytest.mark.parametrize("headers", [[], ["Basic eDp5"], ["stg:admin"], [""]])
async def test_a_call_without_a_bearer_token_lets_nobody_in(tokens, headers) -> None:
    with pytest.raises(TokenMissing):
        await tokens.caller(headers, certificate=None)


async def test_of_two_tokens_none_counts(tokens, issuer) -> None:
    header = f"Bearer {issuer.token('stg:read')}"
    with pytest.raises(TokenInvalid):
        await tokens.caller([header, header], certificate=None)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "x" * 20_000, "....", "bnVsbA.bnVsbA.bnVsbA"])
async def test_what_is_no_token_lets_nobody_in(tokens, token) -> None:
    with pytest.raises(TokenInvalid):
        await caller_of(tokens, token)


async def test_a_token_bound_to_a_certificate_needs_it(tokens, issuer) -> None:
    authority = Authority()
    mine, other = authority.certify("mine").certificate, authority.certify("other").certificate
    digest = hashlib.sha256(load_pem_x509_certificate(mine).public_bytes(Encoding.DER)).digest()
    token = issuer.token("stg:read", cnf={"x5t#S256": base64.urlsafe_b64encode(digest).decode().rstrip("=")})
    assert (await caller_of(tokens, token, mine)).subject == "worker-7"
    for certificate in (None, other):
        with pytest.raises(TokenInvalid):
            await caller_of(tokens, token, certificate)


async def test_a_new_key_counts_at_once_and_a_withdrawn_one_no_more(tokens, issuer, monkeypatch) -> None:
    monkeypatch.setattr(issuer_keys, "ASK_AGAIN", 0)
    before = issuer.token("stg:read")
    await caller_of(tokens, before)
    issuer.renew("second")
    assert await caller_of(tokens, issuer.token("stg:read"))
    with pytest.raises(TokenInvalid):
        await caller_of(tokens, before)


async def test_unknown_key_ids_do_not_make_us_ask_again_and_again(tokens, issuer, monkeypatch) -> None:
    asked = []
    read_keys = issuer_keys.read_keys
    monkeypatch.setattr(issuer_keys, "read_keys", lambda source: asked.append(source) or read_keys(source))
    # Only the first answer is sure: the issuer may have made the other keys since.
    for number, refusal in enumerate([TokenInvalid, KeysAway, KeysAway, KeysAway]):
        with pytest.raises(refusal):
            await caller_of(tokens, issuer.token("stg:read", headers={"kid": str(number)}))
    assert len(asked) == 1


async def test_a_new_key_right_after_the_keys_were_read_is_put_off_and_not_refused(tokens, issuer, monkeypatch) -> None:
    await caller_of(tokens, issuer.token("stg:read"))
    issuer.add("second")
    with pytest.raises(KeysAway):
        await caller_of(tokens, issuer.token("stg:read"))
    monkeypatch.setattr(issuer_keys, "ASK_AGAIN", -1)
    assert await caller_of(tokens, issuer.token("stg:read"))


async def test_while_the_keys_are_away_those_known_count_for_a_while(tokens, issuer, monkeypatch) -> None:
    monkeypatch.setattr(issuer_keys, "ASK_AGAIN", -1)
    monkeypatch.setattr(issuer_keys, "FRESH", -1)
    token = issuer.token("stg:read")
    await caller_of(tokens, token)
    issuer.file.unlink()
    assert await caller_of(tokens, token)
    monkeypatch.setattr(issuer_keys, "STALE", -1)
    with pytest.raises(KeysAway):
        await caller_of(tokens, token)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": {}}', b"-----BEGIN PUBLIC KEY-----\nx", b"[" * 100_000])
def test_keys_that_cannot_be_read_are_said_so(tmp_path, content) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(KeysAway):
        issuer_keys.read_keys(str(file))


async def test_keys_come_from_an_address_that_leads_nowhere_else(issuer) -> None:
    answers = {
        "/keys": (200, issuer.file.read_bytes(), {}),
        "/moved": (302, b"", {"location": "/keys"}),
        "/down": (503, b"", {}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = answers[self.path]
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        tokens = Tokens(keys=IssuerKeys(f"{site}/keys"), issuer=ISSUER, audience=AUDIENCE)
        assert (await caller_of(tokens, issuer.token("stg:read"))).subject == "worker-7"
        for path in ("/moved", "/down"):
            with pytest.raises(KeysAway):
                await asyncio.to_thread(issuer_keys.read_keys, site + path)
        server.shutdown()


async def test_one_public_key_in_a_file_is_enough(issuer: Issuer, tmp_path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(issuer.public_pem())
    tokens = Tokens(keys=IssuerKeys(str(file)), issuer=ISSUER, audience=AUDIENCE)
    assert (await caller_of(tokens, issuer.token("stg:read"))).subject == "worker-7"
