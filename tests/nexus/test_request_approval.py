"""A team in another namespace, with no plugin of ours, waits for a decision that people sign."""

from __future__ import annotations

import base64

import pytest

from approvals.signing import approval as approvals
from approvals.signing import denial as denials

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]

DEPLOY = {"service": "checkout", "environment": "production", "version": "2.4.1"}
ASKED = {"action": "deploy_release", "arguments": DEPLOY, "reasoning": "The fix is tested.", "reference": "CHG-7"}


async def test_an_approval_reaches_a_team_that_has_no_plugin(office):
    handle = await office.ask(ASKED)
    waiting = await office.waiting()
    signed = await office.approve(waiting)
    answer = await handle.result()
    assert (answer["outcome"], answer["arguments"], answer["reference"]) == ("approved", DEPLOY, "CHG-7")
    question = answer["question"]
    assert (question["request_id"], question["request_hash"]) == (waiting.pk, bytes(waiting.request_hash).hex())
    (decision,) = question["decisions"]
    assert base64.b64decode(decision["statement"]) == signed
    assert decision["approver_key"] == office.ada.public_key.hex()
    approvals.parse(base64.b64decode(decision["statement"])).verify()
