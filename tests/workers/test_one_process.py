"""The one process as people start and stop it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from temporalio.client import Client, ScheduleActionResult, ScheduleHandle, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from approvals.cli.visit import Visit
from tests.prepared import prepare
from tests.workers.processes import Installation, lines_until, stop, until
from workers.sweeping import SCHEDULE

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(180)]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    prepare(tmp_path)
    made = Installation(tmp_path)
    yield made
    assert made.processes() == []


@pytest.fixture
def empty(tmp_path: Path) -> Installation:
    """An installation that nobody has set up."""
    return Installation(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_no_process_and_no_complaint(installation, number):
    process = installation.start("demo")
    lines_until(process, "Sign in once as")
    assert installation.is_up()
    # This process, the Temporal server, and the security administrator.
    until(lambda: len(installation.processes()) == 3, seconds=10)
    code, output = stop(process, number)
    assert code == 0
    assert "Traceback" not in output
    assert installation.processes() == []


async def test_an_open_page_keeps_nothing_from_stopping(installation):
    process = installation.start("demo")
    link = (await asyncio.to_thread(lines_until, process, "Sign in once as"))[-1].split()[-1]
    async with Visit(link) as visit:
        await visit.sign_in()
        changes = visit.changes()
        await anext(changes)
        began = time.monotonic()
        code, output = await asyncio.to_thread(stop, process, signal.SIGTERM)
        await changes.aclose()
    assert code == 0
    assert "Traceback" not in output
    assert time.monotonic() - began < 12


async def test_it_schedules_the_sweep_and_sweeps(tmp_path):
    prepare(tmp_path)
    installation = Installation(tmp_path, SWEEP_SECONDS="5")
    process = installation.start("demo")
    await asyncio.to_thread(lines_until, process, "Sign in once as")
    client = await Client.connect(f"localhost:{installation.environment['TEMPORAL_DEVELOPMENT_PORT']}")
    handle = client.get_schedule_handle(SCHEDULE)
    async with asyncio.timeout(60):
        while not (actions := await _actions(handle)):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        started = actions[0].action
        swept = client.get_workflow_handle(started.workflow_id, run_id=started.first_execution_run_id)
        # What it answered is encrypted; this client has no keys.
        while (await swept.describe()).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert (await swept.describe()).status is WorkflowExecutionStatus.COMPLETED
    code, _ = await asyncio.to_thread(stop, process, signal.SIGTERM)
    assert code == 0
    assert installation.processes() == []


async def _actions(handle: ScheduleHandle) -> Sequence[ScheduleActionResult]:
    try:
        return (await handle.describe()).info.recent_actions
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return []  # not scheduled yet
        raise


def test_killing_it_takes_the_temporal_server_along(installation):
    process = installation.start("demo")
    lines_until(process, "Sign in once as")
    process.kill()
    process.wait()
    installation.wait_until_gone()


def test_a_taken_port_is_one_sentence_and_exit_code_1(installation):
    with socket.create_server(("127.0.0.1", installation.port)):
        code, output = installation.run("demo")
    assert code == 1
    assert output.splitlines()[-1].startswith(f"Port {installation.port} of localhost cannot be used")
    assert "Traceback" not in output


def test_a_temporal_server_that_does_not_answer_is_one_sentence(tmp_path):
    prepare(tmp_path)
    installation = Installation(tmp_path, TEMPORAL_ADDRESS="127.0.0.1:1")
    code, output = installation.run("demo")
    assert code == 1
    assert "No Temporal server answers at 127.0.0.1:1" in output
    assert "Traceback" not in output


def test_workers_without_an_address_say_what_to_set(empty):
    empty.run("demo", "--alert", "no such file")
    code, output = empty.run("worker")
    assert code == 1
    assert "Set TEMPORAL_ADDRESS" in output


def test_without_a_setup_it_says_what_to_run(empty):
    empty.run("demo", "--alert", "no such file")  # makes the secrets and nothing else
    code, output = empty.run("serve")
    assert code == 1
    assert "was manage.py setup run?" in output
    assert "Traceback" not in output


def test_a_phone_home_variable_stops_the_start(tmp_path):
    prepare(tmp_path)
    installation = Installation(tmp_path, TENUO_CONTROL_PLANE_URL="https://elsewhere.example")
    code, output = installation.run("demo")
    assert code == 1
    assert "TENUO_CONTROL_PLANE_URL" in output
    assert "Traceback" not in output


def test_an_unreadable_alert_is_one_sentence(installation, tmp_path):
    broken = tmp_path / "alert.json"
    broken.write_text("{")
    code, output = installation.run("demo", "--alert", str(broken))
    assert code == 1
    assert "is not a PagerDuty webhook" in output
    assert "Traceback" not in output
