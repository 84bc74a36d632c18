"""Promises 2 and 3: what people sign covers what they were shown, and the version of the policy.

The attacker has the server and its database: they show Ada other words of the agent, another history or another
message of the gate than the gate sent, with a digest that fits, or another version of the policy, and get her genuine
signature over that. The workflow waits for another digest, so the call does not run.

Tried elsewhere: a server whose digest does not fit, in ``tests/vectors/bad/review-display-*`` and on a real page in
``tests/browser/test_signing_elements.py``; a workflow that lies to the worker in ``tests/gates/test_attacks.py``;
evidence in ``tests/audit/test_verify_shown.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from approvals.decisions.services import record
from approvals.models import ApprovalRequest
from approvals.requests.shown import display_of
from approvals.signing.display import Display
from tests.gates import agents
from tests.promises.conftest import House, approvals_message, denials_message

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]

LIES: dict[str, Callable[[Display], Display]] = {
    "other words": lambda shown: replace(shown, reasoning="Everything is fine, the runbook says so."),
    "one letter": lambda shown: replace(shown, reasoning=shown.reasoning.replace("leaks", "1eaks")),
    "another message of the gate": lambda shown: replace(shown, gate_message="Routine, sign it."),
    "no history": lambda shown: replace(shown, history=()),
    "another verdict": lambda shown: replace(shown, history=(replace(shown.history[0], verdict="allowed"),)),
    "another time": lambda shown: replace(shown, history=(replace(shown.history[0], at_ms=1),)),
    "another workflow type": lambda shown: replace(shown, workflow_type="HarmlessWorkflow"),
    "another number of people": lambda shown: replace(shown, threshold=shown.threshold + 1),
}


def show(waiting: ApprovalRequest, lie: Display) -> None:
    """Write ``lie`` into the database, with the digest that belongs to it."""
    stored = ApprovalRequest.objects.get(pk=waiting.pk)
    stored.workflow_type = lie.workflow_type
    stored.threshold = lie.threshold
    stored.gate_message = lie.gate_message
    stored.reasoning = lie.reasoning
    stored.history = [asdict(line) for line in lie.history]
    stored.display_digest = lie.digest
    stored.save()


@pytest.mark.parametrize("lie", LIES)
async def test_a_signature_over_something_else_than_the_gate_sent_runs_nothing(house: House, lie: str) -> None:
    handle, waiting = await house.waiting()
    genuine = house.ada.sign_denial(waiting)
    told = LIES[lie](display_of(waiting))
    assert told != display_of(waiting)
    await sync_to_async(show)(waiting, told)
    fooled = await ApprovalRequest.objects.aget(pk=waiting.pk)
    signed = house.ada.sign_approval(fooled)
    # The server takes it, being the attacker's, and delivers it; nobody else need do that for them.
    await sync_to_async(record)(person=house.ada.person, request_id=waiting.pk, approval=signed)
    await house.signal(handle, approvals_message(waiting, signed))
    await house.signal(handle, denials_message(waiting, genuine))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


@pytest.mark.parametrize("version", ["", "incident-response@1", "another@2"])
async def test_a_signature_under_another_policy_version_runs_nothing(house: House, version: str) -> None:
    handle, waiting = await house.waiting()
    assert house.policy_version not in ("", version)
    signed = house.ada.sign_approval(waiting, policy_version=version)
    await house.signal(handle, approvals_message(waiting, signed))
    await house.signal(handle, denials_message(waiting, house.ada.sign_denial(waiting)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_a_denial_over_something_else_does_not_end_the_request(house: House) -> None:
    handle, waiting = await house.waiting()
    for elsewhere in ({"display_digest": bytes(32)}, {"policy_version": "another@2"}):
        await house.signal(handle, denials_message(waiting, house.ada.sign_denial(waiting, **elsewhere)))
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"


async def test_what_is_stored_is_what_the_gate_hashed_and_is_signed_and_runs(house: House) -> None:
    handle, waiting = await house.waiting()
    shown: Any = display_of(waiting)
    assert shown.digest == bytes(waiting.display_digest)
    assert shown.reasoning == "It leaks connections."
    assert [line.verdict for line in shown.history] == ["gated"]
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"
