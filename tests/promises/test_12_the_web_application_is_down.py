"""Promise 12, whole processes: the web application is killed, and agents and workers do not care.

One agent waits for a person and another one has just begun when the web process gets a SIGKILL. The second goes on with
every call that needs nobody, up to its gate. Nothing that needs approval runs until somebody can sign again.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals.cli.approver import enrol, first_of_mine, outcome
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit, to_base64
from tests.prepared import prepare
from tests.workers.processes import Installation, lines_until, until
from workers.development_server import DevelopmentServer

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(240)]
ALERT = "workers/incident/alerts/examples/high-error-rate.json"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    prepare(tmp_path)
    made = Installation(tmp_path)
    yield made
    made.wait_until_gone()


@pytest.fixture
def temporal(installation: Installation) -> DevelopmentServer:
    """A Temporal server that goes on where the installation's own one ends: it has the same file."""
    port, ui_port = (int(installation.environment[f"TEMPORAL_DEVELOPMENT_{name}"]) for name in ("PORT", "UI_PORT"))
    return DevelopmentServer(port=port, ui_port=ui_port, directory=installation.directory)


async def test_while_the_web_application_is_away(installation: Installation, temporal: DevelopmentServer) -> None:
    demo = installation.start("demo", "--incident", "P4001")
    link = (await asyncio.to_thread(lines_until, demo, "Sign in once as"))[-1].split()[-1]
    signer = Signer()
    async with Visit(link) as visit:
        await visit.sign_in()
        key = await enrol(visit, signer)
        await asyncio.wait_for(first_of_mine(visit, signer, key.roots), 60)
        demo.kill()
        demo.wait()
        await asyncio.to_thread(installation.wait_until_gone)

        with temporal:
            installation.environment["TEMPORAL_ADDRESS"] = temporal.address
            worker, web = installation.start("worker"), installation.start("serve", "--web-only")
            try:
                await asyncio.to_thread(installation.wait_until_up)
                code, said = await asyncio.to_thread(installation.run, "alert", ALERT, "--id", "P4002")
                assert code == 0, said
                web.kill()
                web.wait()
                await asyncio.to_thread(until, lambda: requests(installation) == 2, seconds=60)
                assert not installation.is_up()
                assert restarts(installation) == 0

                web = installation.start("serve", "--web-only")
                await asyncio.to_thread(installation.wait_until_up)
                for _ in range(2):
                    request_id, reviewed = await asyncio.wait_for(first_of_mine(visit, signer, key.roots), 60)
                    fields = {"approval": to_base64(signer.approve(reviewed, reason="Restart."))}
                    await visit.submit(reviewed.decision_url, fields)
                    assert await outcome(visit, request_id) == "executed"
                assert restarts(installation) == 2
            finally:
                for process in (web, worker):
                    process.kill()
                    process.wait()


def requests(installation: Installation) -> int:
    with sqlite3.connect(installation.directory / "countersign.sqlite3") as database:
        return int(database.execute("SELECT count(*) FROM approvals_approvalrequest").fetchone()[0])


def restarts(installation: Installation) -> int:
    """Return how often the simulated estate was restarted: every effect leaves a line."""
    files = list(installation.directory.rglob("effects.jsonl"))
    lines = [line for file in files for line in file.read_text().splitlines()]
    return sum(json.loads(line)["tool"] == "restart_service" for line in lines)
