"""The ledger is checked by itself, by one process at a time, against what was kept outside, and people see it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.namespaces.contracts import Namespace
from accounts.roles.contracts import Role
from audit.ledger.services import append
from audit.log import scheduled
from audit.log.scheduled import check_if_due
from audit.log.services import integrate
from audit.models import LedgerChain, LedgerCheck, LedgerEntry, Turn
from audit.retention.scheduled import apply_if_due
from audit.rings.services import ensure_ring
from audit.statements.kinds import EntryKind
from audit.upkeep import turns
from audit.upkeep.pace import Pace, Stopped
from tests.audit.test_verify_ledger import chain_anew, log_anew
from tests.people import person

pytestmark = pytest.mark.django_db

ONE = "tnu_wrt_1"


def write(count: int = 3) -> None:
    with transaction.atomic():
        for number in range(count):
            append(chain=ONE, kind=EntryKind.RUN_COMPLETED, details={"number": number}, namespace="payments")
    integrate()


@pytest.fixture(autouse=True)
def ledger(db: None, tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.CHECKPOINTS_DIRECTORY = str(tmp_path)
    with transaction.atomic():
        ensure_ring(namespace="payments")
    write()
    for name in (scheduled.TURN, "retention"):
        turns.take(name)  # makes the row; the first is due some minutes after the first start
        due(name)
    yield
    assert not Turn.objects.exclude(holder="").exists(), "nobody keeps a turn"


def due(name: str = scheduled.TURN) -> None:
    Turn.objects.filter(name=name).update(due_at=timezone.now() - timedelta(seconds=1))


def check() -> LedgerCheck:
    due()
    row = check_if_due(Event())
    assert row is not None
    return row


def test_a_whole_ledger_is_said_to_be_and_its_checkpoints_are_kept_outside(tmp_path: Path) -> None:
    row = check()
    assert (row.found, row.kept, row.entries, row.failure) == (0, 0, 4, "")
    assert row.finished_at is not None
    assert row.done == 8, "every entry in its chain and in its log"
    names = ["installation.000000000001.checkpoint", "namespace-payments.000000000003.checkpoint"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    write(1)
    assert (check().kept, len(list(tmp_path.iterdir()))) == (2, 3)
    assert check_if_due(Event()) is None, "not due before tomorrow"


def test_a_past_that_was_written_anew_is_found_and_said_loudly_and_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check()
    chain_anew(ONE, lambda facts: facts.update(details={"number": 70}))
    log_anew()
    write(1)
    with caplog.at_level(logging.ERROR):
        row = check()
    assert row.found == 1
    assert "is not what was signed: the checkpoint in" in row.findings[0]
    assert "The ledger is NOT whole: 1 findings" in caplog.text
    assert len(list(tmp_path.iterdir())) == 2, "a past that was written anew is not taken for the ledger's"


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\xff" * 100_000])
def test_a_kept_checkpoint_that_cannot_be_read_is_a_finding(tmp_path: Path, content: bytes) -> None:
    check()
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "namespace-payments.checkpoint").write_bytes(content)
    row = check()
    assert (row.found, row.kept) == (1, 2)
    assert "older/namespace-payments.checkpoint" in row.findings[0]


def test_a_directory_that_is_away_is_a_finding(tmp_path: Path, settings: Any) -> None:
    settings.CHECKPOINTS_DIRECTORY = str(tmp_path / "away")
    assert "is not a directory" in check().findings[0]


def test_one_process_at_a_time_and_another_when_it_died() -> None:
    due()
    holder = turns.take(scheduled.TURN)
    assert holder
    assert check_if_due(Event()) is None, "another process is at it"
    Turn.objects.filter(name=scheduled.TURN).update(until=timezone.now() - timedelta(seconds=1))
    assert check_if_due(Event()) is not None, "it was silent for longer than its lease"
    with pytest.raises(turns.TurnLost):
        turns.keep(scheduled.TURN, holder)


def test_a_process_that_ends_leaves_the_check_to_another() -> None:
    due()
    stop = Event()
    stop.set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.upkeep.pace.time.monotonic", iter(range(10_000)).__next__)
        row = check_if_due(stop)
    assert row is not None
    assert (row.finished_at, "another one begins anew" in row.failure) == (None, True)
    assert check_if_due(Event()) is not None


def test_whoever_works_rests_three_times_as_long_and_says_how_far_it_is() -> None:
    clock, rested, told = [0.0], [], []

    class Resting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            rested.append(timeout)
            clock[0] += timeout or 0
            return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.upkeep.pace.time.monotonic", lambda: clock[0])
        pace = Pace(Resting(), told.append, every=1.0)
        for _ in range(100):
            clock[0] += 0.011
            pace()
    assert sum(rested) == pytest.approx(3.3)
    assert told == [23, 46, 69, 92]
    stopped = Event()
    stopped.set()
    slow = Pace(stopped, told.append)
    slow._began -= 1
    with pytest.raises(Stopped):
        slow()


def test_retention_is_applied_by_turns_too(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.NAMESPACES = (Namespace("payments", evidence_days=1),)
    with pytest.MonkeyPatch.context() as patch:
        now = timezone.now() + timedelta(days=2)
        patch.setattr("audit.retention.scheduled.timezone.now", lambda: now)
        assert apply_if_due(Event()) == 1
    assert LedgerEntry.objects.get(chain=ONE, sequence=1).is_emptied
    assert apply_if_due(Event()) is None
    assert check().found == 0


# --- The page ----------------------------------------------------------------------------------


def page(client: Client) -> str:
    response = client.get("/ledger/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_auditors_see_when_and_what_came_of_it(client: Client) -> None:
    client.force_login(person("audrey", Role.AUDITOR))
    assert "It was never checked to its end" in page(client)
    check()
    shown = page(client)
    assert "Yes: nothing wrong" in shown
    assert "4 entries, against 0 checkpoints kept outside" in shown
    assert "It was never checked" not in shown
    LedgerChain.objects.filter(name=ONE).update(size=2)
    check()
    assert "No: 1 finding" in page(client)
    assert "has 3 entries, and is said to have 2." in page(client)


def test_who_oversees_one_namespace_reads_no_findings_about_others(client: Client) -> None:
    client.force_login(person("audrey", Role.AUDITOR, namespace="billing"))
    LedgerChain.objects.filter(name=ONE).update(size=2)
    check()
    assert "No: 1 finding" in page(client)
    assert ONE not in page(client)


def test_a_check_that_runs_says_how_far_it_is_and_one_that_is_gone_that_it_is(client: Client, settings: Any) -> None:
    settings.CHECKPOINTS_DIRECTORY = ""
    client.force_login(person("grace", Role.SECURITY_ADMINISTRATOR))
    now = timezone.now()
    row = LedgerCheck.objects.create(started_at=now, seen_at=now, entries=1_234_567, done=1_234_567)
    assert "50 % of 1,234,567 entries" in page(client)
    LedgerCheck.objects.filter(pk=row.pk).update(seen_at=now - timedelta(minutes=10))
    assert "The process that ran it is gone" in page(client)
    assert "No checkpoint is kept outside" in page(client)
