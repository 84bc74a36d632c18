"""Several people deny, on a real Temporal server: what ends a run, and what does not."""

from __future__ import annotations

import base64

import pytest

from approvals.contracts import OutcomeStatus
from audit.statements import cbor
from audit.statements.quorum import same_person
from tests.gates import agents
from tests.gates.conftest import Floor
from tests.gates.people import approve, decision, deny, public, send
from tests.gates.test_attacks import waiting

pytestmark = pytest.mark.temporal


async def test_enough_denials_reach_the_workflow_with_every_reason(floor: Floor) -> None:
    handle, request = await waiting(floor, one_denial_ends=False)
    denials = (deny(request, floor.keys.approver, "Not during sales."), deny(request, floor.keys.second, "Nor later."))
    await send(floor.plain, request, decision(request, denials=denials))
    expected = "APPROVAL_DENIED: 2 people denied restart_service: Not during sales.; Nor later."
    assert await handle.result() == expected
    assert (await floor.desk.outcomes.get()).status == OutcomeStatus.DENIED
    assert agents.effects == []


async def test_one_of_two_denials_delivered_early_ends_nothing(floor: Floor) -> None:
    handle, request = await waiting(floor, one_denial_ends=False)
    for _ in range(3):
        await send(floor.plain, request, decision(request, denials=(deny(request, floor.keys.approver),)))
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.approver),)))
    await send(floor.plain, request, decision(request, approvals=(approve(request, floor.keys.second),)))
    assert await handle.result() == "restarted checkout"
    used = [record.approvals for record in floor.sink.records if record.approvals]
    assert len(used[-1]) == 1, "not that of the person who denied"


async def test_the_warrant_says_whose_keys_are_one_persons(floor: Floor) -> None:
    keys = floor.keys
    both = same_person([(public(keys.approver), "local:lead"), (public(keys.second), "local:lead")])
    handle, request = await waiting(floor, one_denial_ends=False, same_person=both)
    await send(floor.plain, request, decision(request, denials=(deny(request, keys.second, "No."),)))
    assert await handle.result() == "APPROVAL_DENIED: A person denied restart_service: No."


async def test_a_proposal_reaches_the_agent_which_asks_again_with_it(floor: Floor) -> None:
    handle = await floor.start(agents.YieldingAgent, "checkout")
    request = await floor.desk.requests.get()
    other = cbor.encode({"service": "payments", "environment": "production"})
    denied = deny(request, floor.keys.approver, "The other one.", proposed=other)
    await send(floor.plain, request, decision(request, denials=(denied,)))
    second = await floor.desk.requests.get()
    assert second.arguments_cbor == base64.b64encode(other).decode()
    assert second.request_hash != request.request_hash
    assert agents.effects == [], "a proposal approves nothing"
    await send(floor.plain, second, decision(second, approvals=(approve(second, floor.keys.approver),)))
    assert await handle.result() == "restarted payments"


async def test_what_is_proposed_for_another_call_is_left_out(floor: Floor) -> None:
    handle = await floor.start(agents.YieldingAgent, "checkout")
    request = await floor.desk.requests.get()
    denied = deny(request, floor.keys.approver, proposed=cbor.encode({"name": "payments"}))
    await send(floor.plain, request, decision(request, denials=(denied,)))
    assert await handle.result() == "gave up"


async def test_a_warrant_that_cannot_be_counted_asks_nobody(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout", same_person=b"\xff")
    assert (await handle.result()).startswith("TERMS_MALFORMED: Nobody can be asked to approve")
    assert floor.desk.requests.empty()
