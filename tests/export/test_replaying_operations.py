"""Payments and questions of other teams are told again and replayed too, sealed with their exchange rings."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import Client

from approvals.models import ApprovalRequest
from tests.nexus.conftest import lifetime, office  # noqa: F401
from tests.nexus.test_payments import finance  # noqa: F401
from tests.nexus.test_request_approval import ASKED
from workers.export import histories
from workers.export.manifests import Entry
from workers.export.reading import Server
from workers.export.replaying import Found, converter_for, replay
from workers.export.telling import tell

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


async def shown(client: Client, workflow_id: str, run_id: str) -> str:
    """Return what is told of a run that is exported, replayed without divergence."""
    async with asyncio.timeout(30):
        # What asked may be told before the run itself has ended.
        while (await client.get_workflow_handle(workflow_id, run_id=run_id).describe()).close_time is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    content = await Server(client, client.namespace).object_of(workflow_id, run_id)
    assert content is not None
    history = histories.read_one(content)
    found = Found(Entry.about(histories.facts_of(history), content), history)
    assert await replay(found, client.namespace) == ""
    told = [str(one) async for one in tell(history, converter_for(client.namespace, workflow_id))]
    return "\n".join(told)


async def test_both_sides_of_a_payment_are_replayed(finance) -> None:  # noqa: F811
    handle = await finance.start()
    waiting = await finance.waiting()
    await finance.approve(waiting, *finance.approvers[:2])
    await handle.result()
    told = await shown(finance.payments, waiting.workflow_id, waiting.run_id)
    assert told.count("approved by ") == 2
    assert "execute_payment: done" in told
    assert "the run completed" in await shown(finance.agents, handle.id, handle.first_execution_run_id)


async def test_a_question_of_another_team_is_replayed(office) -> None:  # noqa: F811
    handle = await office.ask(ASKED)
    waiting: ApprovalRequest = await office.waiting()
    await office.approve(waiting)
    await handle.result()
    told = await shown(office.plain, waiting.workflow_id, waiting.run_id)
    assert "people are asked about deploy_release" in told
    assert "approved by " in told
