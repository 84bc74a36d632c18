"""Exports of Temporal Cloud come into the archive, each run once, however often Temporal Cloud wrote it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.aws import AwsServer
from tests.export.archive import HOUR, NAMESPACE, closed_run, cloud_file, made_archive, put_cloud_file
from tests.export.conftest import new_bucket
from workers.export import histories, importing, ledger, manifests
from workers.export.archives import Shelf, open_archive
from workers.export.chain import Chain
from workers.export.verifying import verify

pytestmark = pytest.mark.django_db


def take(source: Path | str, target: Path | str, **options: Any) -> str:
    output = StringIO()
    call_command("import_export", str(source), target=str(target), stdout=output, stderr=output, **options)
    return output.getvalue()


def runs_in(target: Path | str) -> list[str]:
    """Return the workflow ids in the archive, as often as each is listed. The archive is verified first."""
    archive = open_archive(str(target))
    assert verify(archive, NAMESPACE, ledger.recorded(NAMESPACE)).faults == []
    shelf = Shelf(archive, NAMESPACE)
    read = [Chain(shelf).read(manifests.number_in(name)) for name in shelf.names("manifests")]
    return [run.workflow_id for manifest in read for run in manifest.runs]


def test_files_of_temporal_cloud_are_imported_once_each(tmp_path: Path, folder: Path) -> None:
    a, b, c = (closed_run(name) for name in "abc")
    put_cloud_file(tmp_path, cloud_file(a, b))
    put_cloud_file(tmp_path, cloud_file(b, c), minute=5)
    put_cloud_file(tmp_path, cloud_file(a, b), minute=9)
    put_cloud_file(tmp_path, cloud_file(), minute=10)
    source = tmp_path / "temporal-workflow-history"
    assert f"3 runs of {NAMESPACE} imported from 4 files, 3 were there already" in take(source, folder)
    assert sorted(runs_in(folder)) == ["a", "b", "c"]
    assert "0 runs" in take(source, folder)
    assert sorted(runs_in(folder)) == ["a", "b", "c"]


def test_what_is_imported_is_the_same_history(tmp_path: Path, folder: Path) -> None:
    run = closed_run("a")
    take(put_cloud_file(tmp_path, cloud_file(run)), folder)
    (path,) = (folder / NAMESPACE / "objects").rglob("*.gz")
    assert histories.read_one(path.read_bytes()) == run


def test_runs_that_an_export_has_already_are_left_out(tmp_path: Path, folder: Path) -> None:
    known, new = closed_run("known"), closed_run("new")
    for manifest in made_archive(folder, [[known]]):
        ledger.record(manifest)
    assert "1 runs of" in take(put_cloud_file(tmp_path, cloud_file(known, new)), folder)
    assert runs_in(folder) == ["known", "new"]


def test_runs_that_were_imported_are_known_to_later_exports(tmp_path: Path, folder: Path) -> None:
    """However long ago they were imported, and whatever was exported since."""
    late = closed_run("imported", closed_at=HOUR + timedelta(days=3))
    take(put_cloud_file(tmp_path, cloud_file(late)), folder)
    shelf, (entry,) = Shelf(open_archive(str(folder)), NAMESPACE), [*ledger_runs(folder)]
    head = Chain(shelf).read(1)
    for index in range(5):
        start = HOUR + index * timedelta(hours=1)
        window = manifests.Window(start, start + timedelta(hours=1), is_complete=True)
        head = manifests.next_window(head, namespace=NAMESPACE, window=window, runs=())
        shelf.put_same(head.name, head.to_bytes(), retain_until=HOUR)
        ledger.record(head)
    assert entry in Chain(shelf).known(head, since=HOUR + timedelta(days=2))
    assert Chain(shelf).known(head, since=HOUR + timedelta(days=4)) == set()
    assert runs_in(folder) == ["imported"]


def ledger_runs(folder: Path) -> set[str]:
    shelf = Shelf(open_archive(str(folder)), NAMESPACE)
    return Chain(shelf).known(Chain(shelf).read(1), since=None)


def test_an_import_that_was_cut_off_is_finished_by_doing_it_again(tmp_path, folder, monkeypatch) -> None:
    for name in "abcde":
        put_cloud_file(tmp_path, cloud_file(closed_run(name)))
    monkeypatch.setattr(manifests, "MAXIMUM_RUNS", 2)
    source, record, left = tmp_path / "temporal-workflow-history", ledger.record, [1]

    def killed(manifest: manifests.Manifest) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        record(manifest)

    monkeypatch.setattr(importing.ledger, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        take(source, folder)
    monkeypatch.setattr(importing.ledger, "record", record)
    take(source, folder)
    assert sorted(runs_in(folder)) == list("abcde")


@pytest.mark.parametrize("content", [b"\xff" * 50, cloud_file(type(closed_run("a"))()), b"\x1f\x8b\x08"])
def test_a_file_that_cannot_be_read_whole_is_left_out_whole_and_named(tmp_path, folder, content: bytes) -> None:
    put_cloud_file(tmp_path, cloud_file(closed_run("good")))
    bad = put_cloud_file(tmp_path, content, minute=1)
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(
            "import_export",
            str(tmp_path / "temporal-workflow-history"),
            target=str(folder),
            stdout=output,
            stderr=output,
        )
    assert ended.value.code == 1
    assert bad.name in output.getvalue()
    assert runs_in(folder) == ["good"]


def test_whose_runs_they_are_must_be_clear(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "some.pb"
    path.write_bytes(cloud_file(closed_run("a")))
    with pytest.raises(CommandError, match="--namespace NAME"):
        take(path, folder)
    take(path, folder, namespace=NAMESPACE)
    assert runs_in(folder) == ["a"]
    for wrong in ("../elsewhere", "a/b", "..", ""):
        with pytest.raises(CommandError):
            take(path, folder, namespace=wrong)
    with pytest.raises(CommandError, match="no file"):
        take(tmp_path / "none", folder)


def test_files_come_from_a_bucket_and_go_to_one(aws: AwsServer, bucket: str) -> None:
    source = new_bucket(aws)
    key = f"cloud/temporal-workflow-history/export/{NAMESPACE}/2026/03/02/10/00/one.pb"
    aws.client("s3").put_object(Bucket=source, Key=key, Body=cloud_file(closed_run("a")))
    for address in (f"s3://{source}/cloud", f"s3://{source}/{key}"):
        take(address, f"s3://{bucket}/kept")
        assert runs_in(f"s3://{bucket}/kept") == ["a"]
