"""Promise 6: no decision is lost or doubled, whichever arrow of its way breaks.

Here each arrow breaks alone, in one process. Whole processes are killed at chosen moments in
``tests/workers/test_killed.py``; relays that die with a claim are in ``tests/workers/test_relay.py``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from approvals.contracts import DECISION_SIGNAL
from approvals.delivery.contracts import Job
from approvals.delivery.services import claim
from approvals.models import Delivery, SpentNonce
from tests.gates import agents
from tests.promises.conftest import House, approvals_message, eventually
from workers.nonces import DatabaseNonceStore

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
RAN = ["checkout/production"]


async def claimed_by_a_relay_that_dies(house: House) -> tuple[WorkflowHandle[Any, Any], Job]:
    """Let Ada approve while no relay runs; return the run and what a relay claimed for a second, and then died."""
    await house.stop_relay()
    handle, waiting = await house.waiting()
    await house.approve(waiting)
    (job,) = await sync_to_async(claim)(limit=10, lease_seconds=1)
    return handle, job


async def signals(house: House, handle: WorkflowHandle[Any, Any]) -> int:
    history = await house.plain.get_workflow_handle(handle.id).fetch_history()
    return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for event in history.events)


async def is_marked() -> bool:
    return await Delivery.objects.filter(sent_at__isnull=False).aexists()


async def test_it_breaks_between_commit_and_signal(house: House) -> None:
    handle, _ = await claimed_by_a_relay_that_dies(house)
    assert agents.effects == []
    house.start_relay()
    assert await handle.result() == "restarted checkout"
    assert agents.effects == RAN
    await eventually(is_marked)


async def test_it_breaks_between_signal_and_mark(house: House) -> None:
    """Nobody knows whether Temporal has it, so it is signalled again; the call runs once."""
    handle, job = await claimed_by_a_relay_that_dies(house)
    await house.plain.get_workflow_handle(job.workflow_id, run_id=job.run_id).signal(DECISION_SIGNAL, job.decision)
    house.start_relay()
    assert await handle.result() == "restarted checkout"
    await eventually(is_marked)
    assert agents.effects == RAN


async def test_the_same_decision_comes_many_times(house: House) -> None:
    await house.stop_relay()
    handle, waiting = await house.waiting()
    signed = await house.approve(waiting)
    message = approvals_message(waiting, signed)
    await asyncio.gather(*(house.signal(handle, message) for _ in range(10)))
    assert await handle.result() == "restarted checkout"
    assert await signals(house, handle) == 10
    assert agents.effects == RAN
    assert await SpentNonce.objects.acount() == 1


async def test_a_worker_dies_after_the_approval_is_spent_and_before_the_call(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its attempt never answers. Temporal's next attempt of the same dispatch may use the same approval."""
    consume, attempts = DatabaseNonceStore.consume, 0

    async def and_die_the_first_time(*args: Any, **owner: Any) -> bool:
        nonlocal attempts
        attempts += 1
        answer = await consume(*args, **owner)
        if attempts == 1:
            await asyncio.Event().wait()
        return answer

    monkeypatch.setattr(DatabaseNonceStore, "consume", and_die_the_first_time)
    handle = await house.start(agents.HurriedAgent.run, "checkout")
    await house.approve(await house.request_of(handle))

    async def is_spent() -> bool:
        return await SpentNonce.objects.aexists()

    await eventually(is_spent)
    assert agents.effects == []
    assert await handle.result() == "restarted checkout"
    assert (attempts, agents.effects) == (2, RAN)
    assert await SpentNonce.objects.acount() == 1


async def test_the_answer_of_the_single_use_store_is_lost(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The approval was spent and the worker never heard: it asks again for the same dispatch, and the call runs."""
    consume, lost = DatabaseNonceStore.consume, []

    async def and_lose_the_answer(*args: Any, **owner: Any) -> bool:
        answer = await consume(*args, **owner)
        if not lost:
            lost.append(answer)
            raise ConnectionError("The connection broke.")
        return answer

    monkeypatch.setattr(DatabaseNonceStore, "consume", and_lose_the_answer)
    handle, waiting = await house.waiting()
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"
    assert (lost, agents.effects) == ([True], RAN)
