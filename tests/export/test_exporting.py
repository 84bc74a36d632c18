"""Every closed run is exported exactly once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from audit.ledger.chains import Subject, namespace_chain
from audit.models import LedgerChain, LedgerEntry, PendingLeaf
from audit.statements import statements
from tests.export.conftest import export
from tests.export.runs import every_ending, listed, run
from workers.export import exporting, histories, manifests
from workers.export.archives import Shelf, open_archive
from workers.export.chain import Chain
from workers.export.contracts import Progress
from workers.export.errors import TargetUnreachable
from workers.export.folder import Folder
from workers.export.manifests import Manifest
from workers.export.reading import ClosedRun, Server
from workers.export.verifying import verify

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
SHORT = timedelta(seconds=1)


def chain(client: Client, target: Path | str) -> list[Manifest]:
    """Return the archive's manifests, all verified."""
    archive = open_archive(str(target))
    assert verify(archive, client.namespace).faults == []
    shelf = Shelf(archive, client.namespace)
    return [Chain(shelf).read(manifests.number_in(name)) for name in shelf.names("manifests")]


def exported(client: Client, target: Path | str) -> Counter[str]:
    return Counter(entry.run_id for manifest in chain(client, target) for entry in manifest.runs)


async def closed(client: Client) -> Counter[str]:
    found = await Server(client, client.namespace).closed(since=None, before=datetime.now(UTC) + timedelta(hours=1))
    return Counter(run.run_id for run in found)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def refused(client: Client, target: Path | str, code: str, **how: object) -> str:
    with pytest.raises(ApplicationError) as failed:
        await export(client, target, **how)
    assert failed.value.type == code
    assert not failed.value.non_retryable, "it is tried again until somebody has seen to it"
    return failed.value.message


async def test_runs_that_ended_in_every_way_are_exported_once_each(client: Client, folder: Path) -> None:
    count = await every_ending(client)
    report = await export(client, folder)
    assert (report.manifests, report.runs) == (1, count)
    assert exported(client, folder) == await closed(client)
    assert Counter(entry.status for entry in chain(client, folder)[0].runs) == {
        "completed": 3, "failed": 3, "continued_as_new": 1, "timed_out": 1, "canceled": 1, "terminated": 4,
    }  # fmt: skip
    later = datetime.now(UTC) + timedelta(hours=2)
    assert (await export(client, folder, until=later)).runs == 0, "and only once"
    assert exported(client, folder) == await closed(client)


async def test_the_same_runs_give_the_same_bytes(client: Client, folder: Path, tmp_path: Path) -> None:
    await every_ending(client)
    again = tmp_path / "again"
    again.mkdir()
    until = datetime.now(UTC) + timedelta(hours=1)
    await export(client, folder, until=until)
    await forget_ledger()
    await export(client, again, until=until)
    assert len(files(folder)) > 10
    assert files(folder) == files(again)


async def test_what_is_stored_is_the_history_in_the_format_of_temporal_cloud(client: Client, folder: Path) -> None:
    workflow_id = await run(client)
    await listed(client, 1)
    await export(client, folder)
    entry = chain(client, folder)[0].runs[0]
    content = (folder / client.namespace / manifests.object_name(entry.object)).read_bytes()
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    assert list(histories.read_one(content).events) == list(history.events)
    assert (entry.workflow_id, entry.type, entry.status, entry.bytes) == (
        workflow_id,
        "Ending",
        "completed",
        len(content),
    )


async def test_the_ledger_has_an_entry_for_each_manifest(client: Client, folder: Path) -> None:
    await run(client)
    await listed(client, 1)
    await export(client, folder, window=SHORT, until=datetime.now(UTC) + timedelta(seconds=3))

    def details() -> list[dict]:
        rows = LedgerEntry.objects.filter(chain=namespace_chain(Subject.EXPORTS, client.namespace)).order_by("sequence")
        return [statements.parse(bytes(row.envelope)).facts["details"] for row in rows]

    made = chain(client, folder)
    said = await sync_to_async(details)()
    assert [(one["number"], one["digest"].hex(), one["runs"]) for one in said] == [
        (manifest.number, manifest.digest, len(manifest.runs)) for manifest in made
    ]
    assert len(made) > 1


async def test_windows_follow_each_other_also_those_in_which_nothing_ended(client: Client, folder: Path) -> None:
    await run(client)
    await listed(client, 1)
    start = manifests.floor(datetime.now(UTC), SHORT) + SHORT
    await export(client, folder, window=SHORT, until=start)
    await export(client, folder, window=SHORT, until=start + 3 * SHORT)
    windows = [manifest.window for manifest in chain(client, folder)]
    assert [window.end for window in windows[-3:]] == [start + (n + 1) * SHORT for n in range(3)]
    assert all(later.start == earlier.end for earlier, later in pairwise(windows))


async def test_a_window_with_many_runs_has_several_manifests(client: Client, folder: Path) -> None:
    await asyncio.gather(*(run(client) for _ in range(7)))
    await listed(client, 7)
    await export(client, folder, maximum_runs=3)
    made = chain(client, folder)
    assert [len(manifest.runs) for manifest in made] == [3, 3, 1]
    assert [manifest.window.is_complete for manifest in made] == [False, False, True]
    assert exported(client, folder) == await closed(client)


async def test_a_run_that_becomes_visible_late_is_in_a_later_manifest(client, folder, monkeypatch) -> None:
    """Late because the list lags behind, or because the clock of the host that closed it does: it looks the same."""
    await asyncio.gather(*(run(client) for _ in range(4)))
    await listed(client, 4)
    all_closed, hidden = Server.closed, []

    async def lagging(self, *, since, before) -> list[ClosedRun]:
        found = sorted(await all_closed(self, since=since, before=before), key=lambda run: run.closed_at)
        hidden[:] = [run.run_id for run in found[:2]]
        return found[2:]

    start = manifests.floor(datetime.now(UTC), SHORT) + SHORT
    monkeypatch.setattr(Server, "closed", lagging)
    await export(client, folder, window=SHORT, until=start)
    assert len(hidden) == 2
    assert exported(client, folder).total() == 2
    monkeypatch.setattr(Server, "closed", all_closed)
    await export(client, folder, window=SHORT, until=start + 2 * SHORT)
    late = [manifest for manifest in chain(client, folder) if {run.run_id for run in manifest.runs} == set(hidden)]
    assert late, "in one manifest, after its own window"
    assert late[0].window.start >= max(run.closed_at for run in late[0].runs)
    assert exported(client, folder) == await closed(client)


@pytest.mark.parametrize(("hours", "midnight"), [(25, False), (25, True), (23, False)])
async def test_what_comes_later_than_a_day_is_found_at_midnight(client, folder, monkeypatch, hours, midnight) -> None:
    asked = []

    async def nothing(self, *, since, before) -> list[ClosedRun]:
        asked.append(None if since is None else before - since)
        return []

    monkeypatch.setattr(Server, "closed", nothing)
    day = datetime(2026, 3, 2, tzinfo=UTC)
    until = day + (timedelta(hours=1) if midnight else timedelta(hours=5))
    await export(client, folder, until=until - timedelta(hours=1))
    asked.clear()
    await export(client, folder, until=until)
    assert asked == [None if midnight else timedelta(hours=25)]


async def test_a_run_that_was_deleted_before_it_was_read_is_named(client, folder, monkeypatch, caplog) -> None:
    kept = await run(client)
    await listed(client, 1)
    all_closed = Server.closed

    async def still_listing(self, *, since, before) -> list[ClosedRun]:
        """The server's list lags behind deletions too."""
        found = await all_closed(self, since=since, before=before)
        return [*found, *(replace(one, workflow_id="deleted", run_id=str(uuid.UUID(int=7))) for one in found)]

    monkeypatch.setattr(Server, "closed", still_listing)
    await export(client, folder)
    await export(client, folder, until=datetime.now(UTC) + timedelta(hours=2))
    read = chain(client, folder)
    assert [run.workflow_id for manifest in read for run in manifest.runs] == [kept]
    assert [run.workflow_id for manifest in read for run in manifest.gone] == ["deleted"]
    assert "was deleted before it was exported" in caplog.text


# --- Cut off --------------------------------------------------------------------------------


async def forget_ledger() -> None:
    """As after a crash between the manifest and the ledger's word of it."""
    await sync_to_async(lambda: PendingLeaf.objects.all().delete())()
    await sync_to_async(lambda: LedgerEntry.objects.all()._raw_delete("default"))()

    await sync_to_async(lambda: LedgerChain.objects.all().delete())()


async def test_a_manifest_that_the_ledger_does_not_know_yet_is_confirmed_and_recorded(client, folder) -> None:
    await every_ending(client)
    await export(client, folder, maximum_runs=5)
    before = files(folder)
    await forget_ledger()
    report = await export(client, folder, maximum_runs=5)
    assert report.manifests == 0
    assert files(folder) == before
    assert await LedgerEntry.objects.acount() == 3


async def test_an_export_goes_on_from_what_its_last_heartbeat_said(client, folder, monkeypatch) -> None:
    await asyncio.gather(*(run(client) for _ in range(6)))
    await listed(client, 6)
    put = Folder.put
    read = Server.object_of
    asked = []

    async def counted(self, workflow_id, run_id):
        asked.append(run_id)
        return await read(self, workflow_id, run_id)

    beats = []
    monkeypatch.setattr(Server, "object_of", counted)
    monkeypatch.setattr(exporting.activity, "heartbeat", lambda progress: beats.append(progress))
    monkeypatch.setattr(Folder, "put", lambda self, name, content, **how: _no_manifest(put, self, name, content, how))
    await refused(client, folder, "export_target_unreachable")
    stored = beats[-1]
    assert (stored.number, len(stored.stored)) == (1, 6)
    assert len(asked) == 6
    monkeypatch.setattr(Folder, "put", put)
    await export(client, folder, progress=stored)
    assert len(asked) == 6, "nothing was read from the server twice"
    assert exported(client, folder) == await closed(client)


def _no_manifest(put, self, name, content, how) -> bool:
    if "/manifests/" in name:
        raise TargetUnreachable("The archive went away.")
    return put(self, name, content, **how)


async def test_a_heartbeat_that_says_too_much_is_not_believed(client, folder) -> None:
    await run(client)
    await listed(client, 1)
    (run_id,) = await closed(client)
    await export(client, folder, progress=Progress(1, {run_id: "0" * 64}))
    assert exported(client, folder) == await closed(client)


async def test_two_exports_at_once_list_every_run_once(client, folder) -> None:
    await asyncio.gather(*(run(client) for _ in range(9)))
    await listed(client, 9)
    until = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(3):
        await asyncio.gather(*(export(client, folder, maximum_runs=2, until=until) for _ in range(3)))
    assert exported(client, folder) == await closed(client)


# --- What somebody else did to the archive --------------------------------------------------------


async def test_something_else_under_the_next_manifests_name_stops_the_export(client, folder) -> None:
    await run(client)
    await listed(client, 1)
    foreign = folder / client.namespace / "manifests" / "00000001.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("{}\n")
    said = await refused(client, folder, "export_archive_broken")
    assert "00000001.json" in said
    assert foreign.read_text() == "{}\n", "and nothing is written over"


async def test_something_else_under_an_objects_name_stops_the_export(client, folder) -> None:
    await run(client)
    await listed(client, 1)
    await export(client, folder)
    (path,) = (folder / client.namespace / "objects").rglob("*.gz")
    shutil.rmtree(folder / client.namespace / "manifests")
    await forget_ledger()
    path.chmod(0o600)
    path.write_bytes(b"other")
    assert path.name in await refused(client, folder, "export_foreign_content")
    assert path.read_bytes() == b"other"


async def plant(client: Client, folder: Path, change) -> None:
    """Export, and put a changed manifest in the place of what the ledger does not know yet."""
    await asyncio.gather(*(run(client) for _ in range(2)))
    await listed(client, 2)
    await export(client, folder)
    await forget_ledger()
    path = folder / client.namespace / "manifests" / "00000001.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.chmod(0o600)
    path.write_text(json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")


def hidden(facts: dict) -> None:
    """Says that a run was deleted, so that nobody asks for it."""
    run = facts["runs"].pop()
    facts["gone"].append({name: run[name] for name in ("workflow_id", "run_id", "closed_at")})


def postponed(facts: dict) -> None:
    facts["window"]["end"] = facts["window"]["end"].replace("202", "210")


def renamed(facts: dict) -> None:
    facts["runs"][0]["workflow_id"] = "another"


def imported(facts: dict) -> None:
    facts.update(kind="import", window=None, imported_until=max(run["closed_at"] for run in facts["runs"]))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (hidden, "export_foreign_content"),
        (postponed, "export_foreign_content"),
        (renamed, "export_archive_broken"),
        (imported, "export_foreign_content"),
    ],
)
async def test_a_manifest_that_somebody_planted_is_not_taken_for_an_export(client, folder, change, code) -> None:
    await plant(client, folder, change)
    await refused(client, folder, code)
    assert await LedgerEntry.objects.acount() == 0


async def test_a_run_that_a_planted_manifest_leaves_out_is_exported_all_the_same(client, folder) -> None:
    await plant(client, folder, lambda facts: facts["runs"].pop())
    await export(client, folder, until=datetime.now(UTC) + timedelta(hours=2))
    assert exported(client, folder) == await closed(client)


async def test_an_archive_whose_end_was_cut_off_is_noticed(client, folder) -> None:
    await run(client)
    await listed(client, 1)
    await export(client, folder, window=SHORT, until=datetime.now(UTC) + 3 * SHORT)
    last = sorted((folder / client.namespace / "manifests").iterdir())[-1]
    last.unlink()
    assert "the archive lacks" in await refused(client, folder, "export_archive_broken")


async def test_an_archive_whose_end_was_made_anew_is_noticed(client, folder) -> None:
    await run(client)
    await listed(client, 1)
    await export(client, folder)
    path = sorted((folder / client.namespace / "manifests").iterdir())[-1]
    path.chmod(0o600)
    path.write_bytes(
        path.read_bytes().replace(
            b'"gone":[]', b'"gone":[{"closed_at":"2026-03-02T10:00:00.000000Z","run_id":"1","workflow_id":"a"}]'
        )
    )
    said = await refused(client, folder, "export_archive_broken", until=datetime.now(UTC) + timedelta(hours=2))
    assert "is not the one that the ledger recorded" in said


# --- A target that cannot be written to --------------------------------------------------------


async def test_a_full_disk_loses_nothing(client, folder, monkeypatch) -> None:
    await run(client)
    await listed(client, 1)
    sync = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in await refused(client, folder, "export_target_unreachable")
    monkeypatch.setattr(os, "fsync", sync)
    await export(client, folder)
    assert exported(client, folder) == await closed(client)
    assert not [name for name in files(folder) if "unfinished" in name]
