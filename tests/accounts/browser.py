"""A browser with a key of its own, as far as enrolment goes; and ways to cheat with one."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from accounts.models import Person
from audit.statements.statements import Context, Envelope, sign

ORIGIN = "http://localhost:5050"


class Browser:
    """Makes enrolments that are right, unless ``changes`` says otherwise."""

    def __init__(self) -> None:
        self.private_key = Ed25519PrivateKey.generate()
        self.public_key = self.private_key.public_key().public_bytes_raw()

    def enrolment(
        self, person: Person, challenge: bytes, /, *, context: Context = Context.ENROLMENT, **changes: Any
    ) -> Envelope:
        facts = {
            "challenge": challenge,
            "issuer": "local",
            "subject": person.username,
            "public_key": self.public_key,
            "origin": ORIGIN,
            "strength": "ordinary",
            **changes,
        }
        facts = {name: value for name, value in facts.items() if value is not None}
        return sign(context, facts, self.private_key)


def ask_challenge(client: Client) -> bytes:
    return base64.b64decode(client.post("/keys/challenge/").json()["challenge"])


def post_key(client: Client, envelope: bytes | str, name: str = "Work laptop", **fields: str) -> Any:
    text = envelope if isinstance(envelope, str) else base64.b64encode(envelope).decode()
    form = {"envelope": text, "name": name, **fields}
    return client.post("/keys/", form, headers={"accept": "application/json"})
