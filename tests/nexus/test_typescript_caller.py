"""A team that writes TypeScript waits for a signed decision, with nothing of ours but an endpoint and its key."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command

from tests.endorsing import ROOT
from tests.nexus.conftest import TEAM, TEAM_NAMESPACE, Office
from warrants.issuers.queries import trusted_roots
from workers.answers.checking import check, read_answer
from workers.development_server import die_with_parent

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
BASE = Path(__file__).resolve().parents[2]
NODE = BASE / ".venv/nodejs/bin/node"
ASKED = {
    "action": "grant_access",
    "arguments": {"person": "eve@example.com", "role": "editor", "hours": 4},
    "reasoning": "She is on call tonight.",
    "reference": "ACC-12",
}


@asynccontextmanager
async def typescript_team(office: Office, key_file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the example; it never outlives the test."""
    address = office.plain.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        NODE, "examples/typescript-caller/main.js", address, TEAM_NAMESPACE, TEAM, str(key_file), json.dumps(ASKED),
        cwd=BASE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_typescript_workflow_gets_the_decision_that_a_person_signed(office, tmp_path):
    key_file = tmp_path / "exchange.json"
    await sync_to_async(call_command)("exchange_key", TEAM, output=key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600
    async with typescript_team(office, key_file) as process:
        asking = asyncio.create_task(process.communicate())
        arriving = asyncio.create_task(office.waiting())
        await asyncio.wait([asking, arriving], return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            arriving.cancel()
            pytest.fail(asking.result()[1].decode())
        waiting = await arriving
        await office.approve(waiting, confirmation=ASKED["arguments"]["role"])
        output, errors = await asyncio.wait_for(asking, 60)
    assert process.returncode == 0, errors.decode()
    answer = json.loads(output)
    assert (answer["outcome"], answer["arguments"], answer["reference"]) == (
        "approved",
        ASKED["arguments"],
        ASKED["reference"],
    )
    roots = await sync_to_async(trusted_roots)()
    assert check(read_answer(answer), roots=roots, people_roots=[ROOT]).people == (office.ada.person.external_id,)
