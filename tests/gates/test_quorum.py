"""Several people deny, on a real Temporal server: what ends a run, and what does not."""

from __future__ import annotations

import pytest

from approvals.contracts import OutcomeStatus
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


async def test_a_warrant_that_cannot_be_counted_asks_nobody(floor: Floor) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout", same_person=b"\xff")
    assert (await handle.result()).startswith("APPROVAL_REQUEST_REFUSED: Nobody can be asked to approve")
    assert floor.desk.requests.empty()
