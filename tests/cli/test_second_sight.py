"""A second way to see a request: Temporal's own history, beside a site that may lie. Everything is real."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.terminal import CommandLine
from tests.prepared import prepare
from tests.workers.processes import Installation, lines_until, until

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(300)]


class Browser:
    """The on-call lead's browser, as far as signing a program in goes."""

    def __init__(self, link: str) -> None:
        self._http = httpx.Client(base_url=link.split("/sign-in/", maxsplit=1)[0], follow_redirects=True, timeout=30)
        self._http.get(link)
        self._post(link)

    def let_in(self, code: str) -> None:
        self._post("/devices/decision/", code=code, decision="allow")

    def _post(self, address: str, **fields: str) -> None:
        fields["csrfmiddlewaretoken"] = self._http.cookies["countersign_csrf"]
        self._http.post(address, data=fields, headers={"Referer": str(self._http.base_url)}).raise_for_status()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    prepare(tmp_path / "site")
    made = Installation(tmp_path / "site", SWEEP_SECONDS="3600")  # it would end requests that lie about their run
    yield made
    made.wait_until_gone()


class Database:
    """The site's database in the hands of whoever took the server over."""

    def __init__(self, installation: Installation) -> None:
        self._path = installation.directory / "countersign.sqlite3"

    def set(self, **columns: Any) -> None:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with closing(sqlite3.connect(self._path, timeout=20)) as database, database:
            database.execute(f"UPDATE approvals_approvalrequest SET {assignments}", list(columns.values()))

    def get(self, column: str) -> Any:
        with closing(sqlite3.connect(self._path, timeout=20)) as database:
            return database.execute(f"SELECT {column} FROM approvals_approvalrequest").fetchone()[0]


def sign_in(terminal: CommandLine, installation: Installation, link: str) -> None:
    browser = Browser(link)
    process = terminal.start("sign-in", installation.site)
    assert process.stdout is not None
    process.stdout.readline()
    browser.let_in(process.stdout.readline().split()[-1])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def waiting_request(terminal: CommandLine) -> str:
    found: list[str] = []

    def is_there() -> bool:
        found.extend(card["id"] for card in json.loads(terminal.run("list", "--json").output))
        return bool(found)

    until(is_there, seconds=90)
    return found[0]


def test_a_site_that_lies_about_one_field_is_found_out_by_the_history(
    installation: Installation, tmp_path: Path
) -> None:
    process = installation.start("demo", "--incident", "P3001")
    try:
        link = lines_until(process, "Sign in once as")[-1].split()[-1]
        terminal = CommandLine(tmp_path)
        sign_in(terminal, installation, link)
        enrolled = terminal.enrol()
        assert enrolled, enrolled.errors
        request_id = waiting_request(terminal)
        temporal = ["--from-temporal", f"127.0.0.1:{installation.environment['TEMPORAL_DEVELOPMENT_PORT']}"]
        closed = terminal.run("show", request_id, *temporal)
        assert closed.code == 1
        assert "The history is encrypted. Have the namespace's ring written" in closed.errors
        ring, key = str(tmp_path / "ring.json"), str(tmp_path / "ring.key")
        assert installation.run("export_ring", "default", "--output", ring, "--key-file", key)[0] == 0
        temporal += ["--ring-file", ring, "--ring-key-file", key]

        honest = terminal.run("show", request_id, *temporal)
        assert honest, honest.output + honest.errors
        assert "says the same as the site, field by field" in honest.output

        database = Database(installation)
        lies(terminal, installation, database, request_id, temporal)
        assert database.get("state") == "open"

        ended = terminal.decide("approve", request_id, *temporal, "--wait", "60")
        assert ended, ended.errors
        assert "The workflow's history in Temporal says the same." in ended.output
        assert "It ended: executed." in ended.output
        Path(key).write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
        closed = terminal.run("show", request_id, *temporal)
        assert closed.code == 1
        assert "do not open" in closed.errors
        ended = terminal.run("show", request_id, "--from-temporal", "127.0.0.1:1")
        assert ended.code == 1
        assert "No Temporal server answers at 127.0.0.1:1" in ended.errors
    finally:
        stop(process)


def lies(
    terminal: CommandLine, installation: Installation, database: Database, request_id: str, temporal: list[str]
) -> None:
    """Each lie could hold together, on a server that also changes its digests: only the history tells.

    What is sealed in the database the server itself changes: it has the keys.
    """
    sealed = {
        "reasoning": "'Everything is fine, the runbook says so.'",
        "gate_message": "'Routine, sign it.'",
        "history": "row.history[1:]",
    }
    other: dict[str, Any] = {
        "expires_at": "2099-01-01 00:00:00",
        "run_id": "0198c0de-0000-7000-8000-000000000001",
        "workflow_id": "incident-another",
    }
    for column in (*sealed, *other):
        truth = database.get(column)
        if column in sealed:
            change_sealed(installation, column, sealed[column])
        else:
            database.set(**{column: other[column]})
        assert database.get(column) != truth
        shown = terminal.run("show", request_id, *temporal)
        assert shown.code == 1, column
        # Of another run there is no history at all; of the others the field is named.
        told = r"does not give the history" if column in ("run_id", "workflow_id") else rf"DIFFERS  {column}: "
        assert re.search(told, shown.output + shown.errors), (column, shown.output[-900:], shown.errors)
        ended = terminal.decide("approve", request_id, *temporal)
        assert ended.code == 1, column
        assert "Signed" not in ended.output
        database.set(**{column: truth})


def change_sealed(installation: Installation, column: str, expression: str) -> None:
    script = (
        "from approvals.models import ApprovalRequest; row = ApprovalRequest.objects.get(); "
        f"row.{column} = {expression}; row.save(update_fields=[{column!r}])"
    )
    code, output = installation.run("shell", "-c", script)
    assert code == 0, output


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
