"""What the activity side reads in the request header: whoever dispatched the activity wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workers.gates.dispatches import MAXIMUM_CLAIM, Claim, read_claim

GENUINE: dict[str, Any] = {"request_id": "apr_1", "display_digest": "ab" * 32, "policy_version": "incident-response@2"}


def test_a_claim_is_read() -> None:
    found = read_claim(json.dumps(GENUINE).encode())
    assert found == Claim("apr_1", b"\xab" * 32, "incident-response@2")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"apr_1",
        b"\xff",
        b"[" * 1000,
        b"[]",
        b"null",
        json.dumps({**GENUINE, "also": "this"}).encode(),
        json.dumps({**GENUINE, "request_id": ""}).encode(),
        json.dumps({**GENUINE, "request_id": "x" * 65}).encode(),
        json.dumps({**GENUINE, "request_id": ["apr_1"]}).encode(),
        json.dumps({**GENUINE, "display_digest": "AB" * 32}).encode(),
        json.dumps({**GENUINE, "display_digest": "ab" * 31}).encode(),
        json.dumps({**GENUINE, "display_digest": None}).encode(),
        json.dumps({**GENUINE, "policy_version": 2}).encode(),
        json.dumps({**GENUINE, "policy_version": "x" * MAXIMUM_CLAIM}).encode(),
        json.dumps({name: GENUINE[name] for name in ("request_id", "display_digest")}).encode(),
    ],
)
def test_a_header_of_another_form_claims_nothing(header: bytes) -> None:
    assert read_claim(header) == Claim()
