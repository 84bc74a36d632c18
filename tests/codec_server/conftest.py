"""A reader of the production payloads, one of staging's, and what workflows left sealed in both."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.test import Client
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.tokens.services import make as make_token
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring
from tests import people
from workers.codec.codec import PayloadEncryption
from workers.codec.rings import FixedRings

PRD, STG = "finance-ai-prd", "finance-ai-stg"
UI = "http://localhost:8233"
FROM_UI = {"origin": UI, "content-type": "application/json"}
SECRET = b'"customer 4711 owes 12,000 euros"'


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def rings(db: None) -> None:
    ensure_ring(namespace=PRD)
    ensure_ring(namespace=STG)


@pytest.fixture
def rosa(rings: None) -> Person:
    """Reads the payloads of production."""
    return people.person("rosa", Role.PAYLOAD_READER, namespace=PRD)


@pytest.fixture
def stan(rings: None) -> Person:
    """Reads the payloads of staging."""
    return people.person("stan", Role.PAYLOAD_READER, namespace=STG)


def plain(data: bytes = SECRET) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def sealed(*payloads: Payload, namespace: str = PRD, workflow: str = "incident-P1") -> list[Payload]:
    """Return ``payloads`` as the codec of a worker in ``namespace`` leaves them in a history."""
    codec = PayloadEncryption(FixedRings(ring_of(namespace)), namespace)
    if workflow:
        codec = codec.with_context(WorkflowSerializationContext(namespace=namespace, workflow_id=workflow))
    return async_to_sync(codec.encode)(payloads or [plain()])


def body_of(payloads: list[Payload]) -> str:
    """Return protobuf JSON, made by hand so that the server's own writer is not its judge."""
    rows = [
        {
            "metadata": {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()},
            "data": base64.b64encode(payload.data).decode(),
        }
        for payload in payloads
    ]
    return json.dumps({"payloads": rows})


def data_of(answer: Any) -> list[bytes]:
    assert answer.status_code == 200, answer.content
    return [base64.b64decode(payload["data"]) for payload in answer.json()["payloads"]]


def browser_of(person: Person) -> Client:
    """Return a signed-in browser; the server checks CSRF as a real one does."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    return client


def token_of(person: Person) -> dict[str, str]:
    _, text = make_token(person=person, name="Laptop")
    return {"authorization": f"Bearer {text}"}


def post(client: Client, path: str, body: str | bytes, headers: dict[str, str] | None = None) -> Any:
    headers = {"content-type": "application/json", **(headers or {})}
    content_type = headers.pop("content-type")
    return client.generic("POST", path, body, content_type=content_type, headers=headers)
