"""A passkey without a browser (W3C Web Authentication, attestation "none"); and ways to cheat with one."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2.utils import websafe_decode, websafe_encode

ORIGIN = "http://localhost:5050"
RP_ID = "localhost"
JSON = {"accept": "application/json"}
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


class Passkey:
    """Answers as browser and authenticator together do."""

    def __init__(self) -> None:
        self.private_key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)

    def creation(self, challenge: str, **changes: Any) -> str:
        """Return the JSON answer to creation options; ``challenge`` is base64url."""
        numbers = self.private_key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + public
        data = self._data(_ATTESTED, **changes) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": self._client("webauthn.create", challenge, **changes),
            "attestationObject": websafe_encode(attestation),
        }
        return self._answer(response)

    def assertion(self, challenge: str, **changes: Any) -> str:
        """Return the JSON answer to request options; ``challenge`` is base64url."""
        data = self._data(0, **changes)
        client = self._client("webauthn.get", challenge, **changes)
        client_bytes = websafe_decode(client)
        signed = data + hashlib.sha256(client_bytes).digest()
        signer = changes.get("signer", self)
        signature = signer.private_key.sign(signed, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": client,
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        return self._answer(response)

    def _data(self, flags: int, *, verified: bool = True, rp_id: str = RP_ID, **_: Any) -> bytes:
        flags |= _PRESENT | (_VERIFIED if verified else 0)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + (1).to_bytes(4)

    def _client(self, kind: str, challenge: str, *, origin: str = ORIGIN, cross_origin: bool = False, **_: Any) -> str:
        client = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": cross_origin}
        return websafe_encode(json.dumps(client).encode())

    def _answer(self, response: dict[str, str]) -> str:
        named = websafe_encode(self.id)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response})


def add_passkey(client: Client, name: str = "Phone") -> Passkey:
    """Add a passkey over HTTP; ``client`` has signed in just now."""
    passkey = Passkey()
    options = client.post("/passkeys/challenge/", headers=JSON)
    assert options.status_code == 200, options.content
    credential = passkey.creation(options.json()["challenge"])
    answer = client.post("/passkeys/", {"credential": credential, "name": name}, headers=JSON)
    assert answer.status_code == 201, answer.content
    return passkey


def challenge_for(client: Client, purpose: str) -> str:
    answer = client.post("/step-up/challenge/", {"purpose": purpose}, headers=JSON)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["challenge"])


def post_step_up(client: Client, purpose: str, credential: str) -> Any:
    return client.post("/step-up/", {"purpose": purpose, "credential": credential}, headers=JSON)


def step_up(client: Client, passkey: Passkey, purpose: str, **changes: Any) -> Any:
    """Ask and answer; return the response."""
    return post_step_up(client, purpose, passkey.assertion(challenge_for(client, purpose), **changes))
