"""Two worker processes under one installation: how long it takes from an act until both refuse, and an older list."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.prepared import DATABASE, prepare
from tests.workers.processes import BASE, Installation, die_with_tests, lines_until

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(180)]

NAMES = ("one", "two")


@pytest.fixture
def installation(tmp_path: Path, live_temporal: WorkflowEnvironment) -> Installation:
    prepare(tmp_path)
    secrets = {name: os.environ[name] for name in ("SECRET_KEY", "KEY_ENCRYPTION_KEY")}
    address = live_temporal.client.service_client.config.target_host
    made = Installation(tmp_path, TEMPORAL_ADDRESS=address, LOG_LEVEL="INFO", **secrets)
    code, output = made.run("setup")
    assert code == 0, output
    return made


@pytest.fixture
def processes(installation: Installation) -> Iterator[list[subprocess.Popen[str]]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.workers.revocable_process", name],
            cwd=BASE,
            env=installation.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_tests,
        )
        for name in NAMES
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


def ask(installation: Installation, statement: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(installation.directory / DATABASE, timeout=10)) as database, database:
        return database.execute(statement).fetchall()


def test_two_workers_refuse_within_two_seconds_and_take_no_older_list(
    installation: Installation, processes: list[subprocess.Popen[str]]
) -> None:
    for process in processes:
        lines_until(process, "looks")
    for name in NAMES:
        code, output = installation.run("revoke_warrant", "--agent", name, "--reason", "It went astray.")
        assert code == 0, output
    assert "2 of 2 workers confirmed version 2 of the list." in output
    lists = ask(installation, "SELECT signed_at FROM warrants_revocationlist ORDER BY version")
    for process, (signed_at,) in zip(processes, lists, strict=True):
        refused = json.loads(lines_until(process, '"refused"')[-1])
        assert "revoked" in refused["refused"]
        acted = datetime.fromisoformat(signed_at).replace(tzinfo=UTC).timestamp()
        assert 0 < refused["at"] - acted < 2
    # Somebody who holds the database brings the first list back, which lacks the second warrant.
    ask(installation, "UPDATE warrants_revocation SET first_list_id = 1")
    ask(installation, "DELETE FROM warrants_revocationlist WHERE version = 2")
    for process in processes:
        assert process.stdin is not None
        lines_until(process, "has version 1, older than the installed 2")
        process.stdin.write("again\n")
        process.stdin.flush()
        assert "revoked" in json.loads(lines_until(process, '"refused"')[-1])["refused"]
    assert ask(installation, "SELECT DISTINCT version FROM warrants_listconfirmation") == [(2,)]
