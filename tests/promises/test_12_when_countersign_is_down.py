"""Promise 12: when Countersign is down, nothing that needs approval runs, and everything else goes on.

Agents make calls that need nobody, all the time, and each one that needs Ada. Then a part of Countersign goes away, and
the attacker has what helps most: Ada's genuine signatures, delivered to the waiting workflows. The single-use store
going away on its own is in ``test_12_the_single_use_store_is_down.py``, the web application in
``test_12_the_web_application_is_down.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from temporalio.client import WorkflowHandle

from approvals.contracts import RequestState
from approvals.models import ApprovalRequest, Delivery, SpentNonce
from tests.gates import agents
from tests.promises.conftest import House, approvals_message, eventually
from tests.promises.outage import database_away
from workers.gates import nonces

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
AGENTS = 3


@pytest.fixture(autouse=True)
def _no_dead_connection(transactional_db: None) -> Iterator[None]:
    """What empties the database after the test must not use a connection that was cut."""
    yield
    connections.close_all()


Run = WorkflowHandle[Any, Any]


async def busy(house: House) -> list[Run]:
    return [await house.start(agents.BusyAgent.run, "checkout") for _ in range(AGENTS)]


async def allowed_calls_go_on(house: House, runs: list[Run]) -> None:
    """Return when each of ``runs`` made some calls more that need nobody."""
    plain = [house.plain.get_workflow_handle(run.id) for run in runs]
    async with asyncio.timeout(60):
        await asyncio.gather(*(run.execute_update("goes_on", 3) for run in plain))


def approved_calls() -> int:
    return agents.effects.count("checkout/production")


async def all_ran(runs: list[Run]) -> None:
    """Check that each of ``runs`` got what it asked for, that it ran once, and that the requests say so."""
    async with asyncio.timeout(90):
        assert await asyncio.gather(*(run.result() for run in runs)) == ["restarted checkout"] * len(runs)
    assert approved_calls() == len(runs)

    async def closed() -> bool:
        return await ApprovalRequest.objects.filter(state=RequestState.EXECUTED).acount() == len(runs)

    await eventually(closed)
    assert await SpentNonce.objects.acount() == len(runs)
    assert await ApprovalRequest.objects.acount() == len(runs)


async def test_while_the_database_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nonces, "PATIENCE_SECONDS", 1.0)
    early = await busy(house)
    asked = [await house.request_of(run) for run in early]
    signed = [house.ada.sign_approval(waiting) for waiting in asked]
    async with database_away():
        late = await busy(house)
        for run, waiting, approval in zip(early, asked, signed, strict=True):
            await house.signal(run, approvals_message(waiting, approval))
        async with asyncio.timeout(60):
            while caplog.text.count("The store of used approvals does not answer") < AGENTS:
                await allowed_calls_go_on(house, early + late)
        await allowed_calls_go_on(house, early + late)
        assert approved_calls() == 0
    for run in late:
        await house.approve(await house.request_of(run))
    await all_ran(early + late)


async def test_while_the_relay_is_away(house: House) -> None:
    await house.stop_relay()
    runs = await busy(house)
    for run in runs:
        await house.approve(await house.request_of(run))
    await allowed_calls_go_on(house, runs)
    assert approved_calls() == 0
    assert await Delivery.objects.filter(sent_at=None).acount() == AGENTS
    house.start_relay()
    await all_ran(runs)


async def test_while_database_and_relay_go_away_one_after_the_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonces, "PATIENCE_SECONDS", 1.0)
    runs = await busy(house)
    waiting = [await house.request_of(run) for run in runs]
    async with database_away():
        await allowed_calls_go_on(house, runs)
        await house.stop_relay()
        await allowed_calls_go_on(house, runs)
    for one in waiting:
        await house.approve(one)
    await allowed_calls_go_on(house, runs)
    assert approved_calls() == 0
    house.start_relay()
    await all_ran(runs)
