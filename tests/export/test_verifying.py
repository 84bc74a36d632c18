"""Whatever is done to an archive, ``verify_export`` names it in a sentence and fails."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.export.archive import HOUR, NAMESPACE, closed_run, cloud_file, made_archive
from workers.export import histories, ledger, manifests
from workers.export.archives import open_archive
from workers.export.chain import Recorded
from workers.export.errors import ArchiveBroken, HistoryUnusable
from workers.export.manifests import Manifest
from workers.export.verifying import verify


@pytest.fixture
def made(tmp_path: Path) -> list[Manifest]:
    return made_archive(tmp_path, [[closed_run("a"), closed_run("b")], [], [closed_run("c")], [closed_run("d")]])


def faults(root: Path, recorded: Recorded | None = None) -> list[str]:
    return verify(open_archive(str(root)), NAMESPACE, recorded).faults


def place(root: Path, name: str) -> Path:
    path = root / NAMESPACE / name
    path.chmod(0o600)
    return path


def rewrite(root: Path, number: int, change: Callable[[dict[str, Any]], object]) -> None:
    path = place(root, manifests.name_of(number))
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")


def object_of(made: list[Manifest], number: int) -> str:
    return manifests.object_name(made[number - 1].runs[0].object)


def test_an_archive_as_it_was_written_has_no_faults(tmp_path: Path, made: list[Manifest]) -> None:
    found = verify(open_archive(str(tmp_path)), NAMESPACE)
    assert (found.manifests, found.runs, found.faults, found.newest) == (4, 4, [], made[-1].digest)


def flip(root: Path, made: list[Manifest]) -> None:
    path = place(root, object_of(made, 3))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def exchange(root: Path, made: list[Manifest]) -> None:
    shutil.copyfile(place(root, object_of(made, 1)), place(root, object_of(made, 3)))


def lose(root: Path, made: list[Manifest]) -> None:
    place(root, object_of(made, 3)).unlink()


def swap_runs(root: Path, made: list[Manifest]) -> None:
    """A manifest that says of one object that it is another run."""
    rewrite(root, 4, lambda facts: facts["runs"][0].update(workflow_id="somebody-else"))


def drop_manifest(root: Path, made: list[Manifest]) -> None:
    place(root, manifests.name_of(3)).unlink()


def drop_run(root: Path, made: list[Manifest]) -> None:
    rewrite(root, 3, lambda facts: facts["runs"].clear())


def double_run(root: Path, made: list[Manifest]) -> None:
    rewrite(root, 4, lambda facts: facts["runs"].append(json.loads(made[0].to_bytes())["runs"][0]))


def leave_gap(root: Path, made: list[Manifest]) -> None:
    rewrite(root, 4, lambda facts: facts["window"].update(start="2026-03-02T13:30:00.000000Z"))


def rename_namespace(root: Path, made: list[Manifest]) -> None:
    rewrite(root, 4, lambda facts: facts.update(namespace="finance-ai-dev"))


def respell(root: Path, made: list[Manifest]) -> None:
    path = place(root, manifests.name_of(4))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))


def scribble(root: Path, made: list[Manifest]) -> None:
    place(root, manifests.name_of(4)).write_bytes(b"\xff\x00")


def add_file(root: Path, made: list[Manifest]) -> None:
    (root / NAMESPACE / "manifests" / "notes.txt").write_text("hello")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (flip, "It was changed"),
        (exchange, "It was changed"),
        (lose, "It is missing"),
        (swap_runs, "as its manifest says"),
        (drop_manifest, "00000003.json is missing"),
        (drop_run, "does not follow the manifest before it"),
        (double_run, "is listed a second time"),
        (leave_gap, "windows would overlap or leave a gap"),
        (rename_namespace, "about namespace 'finance-ai-dev'"),
        (respell, "not a manifest of this archive"),
        (scribble, "not a manifest of this archive"),
        (add_file, "notes.txt does not belong there"),
    ],
)
def test_what_was_done_to_it_is_named(
    tmp_path: Path, made: list[Manifest], harm: Callable[[Path, list[Manifest]], None], sentence: str
) -> None:
    harm(tmp_path, made)
    assert any(sentence in fault for fault in faults(tmp_path)), faults(tmp_path)
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_export", target=str(tmp_path), stdout=output, stderr=output)
    assert ended.value.code == 1
    assert sentence in output.getvalue()


def test_the_object_that_was_corrupted_is_named_with_its_run(tmp_path: Path, made: list[Manifest]) -> None:
    flip(tmp_path, made)
    (fault,) = faults(tmp_path)
    assert object_of(made, 3) in fault
    assert made[2].runs[0].run_id in fault


@pytest.mark.django_db
def test_an_end_that_was_cut_off_is_noticed_with_the_ledger(tmp_path: Path, made: list[Manifest]) -> None:
    for manifest in made:
        ledger.record(manifest)
    output = StringIO()
    call_command("verify_export", "--ledger", target=str(tmp_path), stdout=output, stderr=output)
    assert "4 manifests, 4 runs: all as it was written" in output.getvalue()
    place(tmp_path, made[-1].name).unlink()
    assert faults(tmp_path) == [], "which only something outside can tell"
    with pytest.raises(SystemExit):
        call_command("verify_export", "--ledger", target=str(tmp_path), stdout=output, stderr=output)
    assert "its end was cut off" in output.getvalue()


@pytest.mark.django_db
def test_a_chain_that_was_made_anew_is_noticed_with_the_ledger(tmp_path: Path, made: list[Manifest]) -> None:
    other = tmp_path / "other"
    for manifest in made_archive(other, [[closed_run("a")]]):
        ledger.record(manifest)
    assert "not the manifest that the ledger recorded" in faults(tmp_path, ledger.recorded(NAMESPACE))[0]


def test_objects_that_an_export_left_behind_when_it_was_cut_off_are_no_fault(tmp_path, made) -> None:
    content = histories.to_object(closed_run("left").events)
    path = tmp_path / NAMESPACE / manifests.object_name(histories.digest_of(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    found = verify(open_archive(str(tmp_path)), NAMESPACE)
    assert (found.unlisted, found.faults) == (1, [])


def test_an_empty_archive_and_no_archive_are_no_success(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="The archive is empty"):
        call_command("verify_export", target=str(tmp_path))
    with pytest.raises(CommandError, match="Set EXPORT_TARGET"):
        call_command("verify_export")


# --- Bytes that somebody made to do harm --------------------------------------------------------


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MAXIMUM_BYTES", 10_000)
    with pytest.raises(HistoryUnusable, match="more than 10000 bytes"):
        histories.read(gzip.compress(bytes(20_000)))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00" + bytes(20), b"\xff" * 40, cloud_file(closed_run("a"), closed_run("b"))],
)
def test_what_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(HistoryUnusable):
        histories.read_one(content)


def test_an_open_run_and_half_a_run_are_no_closed_run() -> None:
    run = closed_run("a")
    for damage in (run.events[:1], run.events[1:], []):
        with pytest.raises(HistoryUnusable):
            histories.facts_of(type(run)(events=damage))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"null", b"[" * 100_000, b'{"number": NaN}', b"\xff",
        b'{"namespace": 1}', b"1" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ArchiveBroken):
        manifests.parse(content)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", -1), ("number", True), ("number", 1.5), ("kind", "other"), ("previous", "x"), ("window", {}),
        ("window", []), ("imported_until", "yesterday"), ("sources", ["x"]), ("runs", {}), ("runs", [{}]),
        ("gone", [1]), ("format", "countersign-export-v2"), ("more", 1),
    ],
)  # fmt: skip
def test_a_manifest_with_a_wrong_field_is_refused(tmp_path, made, name: str, value: object) -> None:
    facts = json.loads(made[0].to_bytes())
    facts[name] = value
    content = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with pytest.raises(ArchiveBroken):
        manifests.parse(content)


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "a" * 63, "A" * 64, "", None])
def test_an_objects_name_is_a_digest_and_no_path(made: list[Manifest], digest: object) -> None:
    facts = json.loads(made[0].to_bytes())
    facts["runs"][0]["object"] = digest
    with pytest.raises(ArchiveBroken):
        manifests.parse(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode() + b"\n")


def test_a_manifest_survives_its_bytes(made: list[Manifest]) -> None:
    for manifest in made:
        assert manifests.parse(manifest.to_bytes()) == manifest
    assert made[0].window is not None
    assert made[0].window.start == HOUR
