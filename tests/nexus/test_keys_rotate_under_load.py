"""Promise 6: an endpoint's exchange ring is rotated while a team asks and people decide, and the old key goes.

``make rotation`` does the same for longer.
"""

from __future__ import annotations

import asyncio
import base64
import io
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.utils import timezone
from nexusrpc import HandlerErrorType
from temporalio.client import Client
from temporalio.worker import Replayer, Worker

from approvals.models import ApprovalRequest
from audit.keepers.local import LocalKeeper
from audit.models import RingKey
from audit.rings.queries import ring_of
from audit.rings.services import SETTLED, rotate
from audit.sealing import Ring
from tests.nexus.callers import TeamWorkflow
from tests.nexus.conftest import TEAM, TEAM_NAMESPACE, Office, eventually, refusal, team_client
from tests.turning import RUNS, SEED
from workers.codec.converter import ClientOptions, client_options
from workers.codec.exchanges import Exchanges
from workers.codec.files import FileRings, dump
from workers.nexus.exchange import exchange_ring_of
from workers.rings import process_rings

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(900),
]

EXCHANGE = exchange_ring_of(TEAM)
# So many questions are open while the ring is rotated.
OPEN = min(RUNS // 2, 20)


@pytest.fixture
def lifetime() -> int:
    return 110


class Team:
    """The team's side: its own ring, and the exchange ring, both in files that Countersign's side knows nothing of."""

    def __init__(self, directory: Path) -> None:
        self.key, self.own, self.exchange = directory / "team.key", directory / "own.json", directory / "exchange.json"
        self.key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        own = Ring(TEAM_NAMESPACE, "team-1", {"team-1": secrets.token_bytes(32)})
        self.own.write_text(dump(own, keeper=self._keeper))

    @property
    def _keeper(self) -> LocalKeeper:
        return LocalKeeper(self.key.read_text(), name="the team's")

    def options(self) -> ClientOptions:
        rings = FileRings(self.own, self.exchange, keeper=self._keeper)
        return client_options(rings, TEAM_NAMESPACE, exchanges=Exchanges(endpoints={TEAM: EXCHANGE}))

    def client(self, plain: Client) -> Client:
        return Client(**{**plain.config(), "namespace": TEAM_NAMESPACE, **self.options()})

    async def is_given(self) -> None:
        """Let Countersign's operator write the ring as it is now."""
        given = {"output": self.exchange, "key_file": self.key, "stdout": io.StringIO()}
        await sync_to_async(call_command)("export_ring", EXCHANGE, **given)


@asynccontextmanager
async def with_files(office: Office, team: Team) -> AsyncIterator[Office]:
    """Yield the office with a team that reads its rings from files."""
    await team.is_given()
    client, queue = team.client(office.plain), f"{office.team_queue}-files"
    async with Worker(client, task_queue=queue, workflows=[TeamWorkflow]):
        yield replace(office, team=client, team_queue=queue)


async def test_no_question_and_no_answer_is_lost_while_the_exchange_ring_is_rotated(
    office: Office, tmp_path: Path
) -> None:
    dice, team, stopped = random.Random(SEED), Team(tmp_path), asyncio.Event()
    first = (await sync_to_async(ring_of)(EXCHANGE)).current
    async with with_files(office, team) as asking:
        waiting = [await asking.ask(asked(number)) for number in range(OPEN)]
        assert await eventually(lambda: are_open(OPEN))
        await turn(team, dice)  # between questions and their answers
        turning = asyncio.create_task(turning_until(stopped, team, dice))
        for _ in waiting:
            await asking.approve(await asking.waiting())
        for number in range(OPEN, RUNS):
            waiting.append(await asking.ask(asked(number)))
            await asking.approve(await asking.waiting())
        answers = [await handle.result() for handle in waiting]
        stopped.set()
        turns = await turning
    assert [(answer["outcome"], answer["reference"]) for answer in answers] == [
        ("approved", f"CHG-{number}") for number in range(RUNS)
    ]
    assert await ApprovalRequest.objects.acount() == RUNS
    assert turns > 0
    ring = await sync_to_async(ring_of)(EXCHANGE)
    assert first in ring.keys
    assert len(ring.keys) == turns + 2
    replayer = Replayer(workflows=[TeamWorkflow], namespace=TEAM_NAMESPACE, **team.options())
    for handle in waiting:
        await replayer.replay_workflow(await handle.fetch_history())


def asked(number: int) -> dict[str, Any]:
    arguments = {"service": "checkout", "environment": "production", "version": f"2.4.{number}"}
    return {"action": "deploy_release", "arguments": arguments, "reasoning": "Tested.", "reference": f"CHG-{number}"}


async def are_open(number: int) -> bool:
    return await ApprovalRequest.objects.filter(state="open").acount() == number


async def turn(team: Team, dice: random.Random) -> None:
    await sync_to_async(rotate)(namespace=EXCHANGE, by="test")
    # The file takes its time to the other side: answers wait for it.
    await asyncio.sleep(dice.uniform(0, 0.5))
    await team.is_given()


async def turning_until(stopped: asyncio.Event, team: Team, dice: random.Random) -> int:
    turns = 0
    while not stopped.is_set():
        await turn(team, dice)
        turns += 1
        await asyncio.sleep(dice.uniform(0.1, 0.4))
    return turns


async def test_whoever_has_only_a_retired_exchange_key_asks_nothing_more(office: Office, tmp_path: Path) -> None:
    thief, team = team_client(office.plain, await sync_to_async(ring_of)(EXCHANGE)), Team(tmp_path)
    queue = f"{office.team_queue}-thief"
    async with with_files(office, team) as asking, Worker(thief, task_queue=queue, workflows=[TeamWorkflow]):
        with_old_key = replace(office, team=thief, team_queue=queue)
        await sync_to_async(replace_and_retire)()
        await team.is_given()
        process_rings.forget()
        error = await refusal(await with_old_key.ask(asked(7)))
        assert error.type == HandlerErrorType.BAD_REQUEST
        assert not await ApprovalRequest.objects.aexists()
        handle = await asking.ask(asked(8))
        await asking.approve(await asking.waiting())
        assert (await handle.result())["outcome"] == "approved"


def replace_and_retire() -> None:
    """Rotate the ring, and retire its old key as soon as that may be."""
    old = ring_of(EXCHANGE).current
    new = rotate(namespace=EXCHANGE, by="test")
    RingKey.objects.filter(pk=new).update(created_at=timezone.now() - SETTLED - timedelta(seconds=1))
    call_command("retire_ring_key", EXCHANGE, old, force=True, reason="It was stolen.", stdout=io.StringIO())
