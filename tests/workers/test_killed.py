"""kill -9 while people decide: the request is still there, and what they sign runs once."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals.cli.approver import enrol, first_of_mine, outcome
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit, to_base64
from tests.prepared import prepare
from tests.workers.processes import BASE, Installation, lines_until

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(180)]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    prepare(tmp_path)
    made = Installation(tmp_path)
    yield made
    made.wait_until_gone()


@pytest.mark.parametrize("killed", ["while the request waits", "right after the decision", "after it ran"])
async def test_an_approved_call_runs_once_whenever_the_process_is_killed(installation, killed):
    process = installation.start("demo", "--incident", "P3001")
    try:
        link = lines_until(process, "Sign in once as")[-1].split()[-1]
        signer = Signer()
        async with Visit(link) as visit:
            await visit.sign_in()
            key = await enrol(visit, signer)
            request_id, reviewed = await asyncio.wait_for(first_of_mine(visit, signer, key.roots), 60)
            if killed == "while the request waits":
                process = await _kill_and_start_again(installation, process)
            fields = {"approval": to_base64(signer.approve(reviewed, reason="Restart."))}
            await visit.submit(reviewed.decision_url, fields)
            if killed == "right after the decision":
                process = await _kill_and_start_again(installation, process)
            assert await outcome(visit, request_id) == "executed"
            if killed == "after it ran":
                process = await _kill_and_start_again(installation, process)
                assert await outcome(visit, request_id) == "executed"
        evidence = await asyncio.to_thread(_evidence, installation)
    finally:
        process.kill()
        process.wait()
    assert len(re.findall(r"call\.allowed .*receipt of restart_service", evidence)) == 1
    assert len(re.findall(r"approval\.granted", evidence.split("VERIFIED")[0])) == 1


async def _kill_and_start_again(installation: Installation, process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    process.kill()
    process.wait()
    await asyncio.to_thread(installation.wait_until_gone)
    again = installation.start("serve")
    await asyncio.to_thread(installation.wait_until_up)
    return again


def _evidence(installation: Installation) -> str:
    """Wait for the end of the run, export its receipts, and return what the auditor's program says."""
    root = installation.run("setup")[1].split()[-1]
    file = installation.directory / "evidence.jsonl"
    for _ in range(60):
        installation.run("export_receipts", "P3001", "--output", str(file))
        verified = subprocess.run(
            [sys.executable, "-m", "audit.verify", str(file), "--root", root],
            cwd=BASE,
            capture_output=True,
            text=True,
            check=False,
        )
        if "run.completed" in verified.stdout:
            assert verified.returncode == 0, verified.stdout
            return verified.stdout
    raise AssertionError(f"The run did not complete:\n{verified.stdout}")
