"""The population of a search, from the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.log.queries import newest_checkpoint
from audit.management.commands import export_entries
from audit.models import Attachment, Export
from audit.models.sealed import Sealed
from tests.audit.population import a_year, newest, objects, table

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*options: object) -> None:
    call_command("export_entries", *[str(option) for option in options])


def test_it_writes_what_the_search_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_year()
    run("--form", "csv", "--output", tmp_path / "all.csv", "--kind", "warrant.revoked", "--to", "2026-02-01")
    rows = table((tmp_path / "all.csv").read_bytes())
    assert [row["kind"] for row in rows] == 7 * ["warrant.revoked"] + [""]
    assert rows[-1]["at"] == "complete"
    assert capsys.readouterr().err.splitlines()[-1] == f"Wrote 7 entries to {tmp_path / 'all.csv'}."
    assert (newest().person, newest().state) == ("command line", "complete")


def test_a_bundle_goes_on_from_a_kept_checkpoint(tmp_path: Path) -> None:
    a_year()
    kept = tmp_path / "kept.checkpoint"
    kept.write_text(newest_checkpoint("payments"))
    output = tmp_path / "all.jsonl"
    run("--form", "bundle", "--output", output, "--namespace", "payments", "--checkpoint", kept)
    assert [one["kept"] for one in objects(output.read_bytes())[-1]["earlier"]] == [kept.read_text()]


def test_it_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    monkeypatch.setattr("audit.population.reading.PIECE", 5)
    monkeypatch.setattr(export_entries, "STEP", 5)
    told = io.StringIO()
    call_command("export_entries", "--form", "csv", "--output", str(tmp_path / "a.csv"), stderr=told)
    assert told.getvalue().splitlines()[:2] == ["5 of 15 entries written.", "10 of 15 entries written."]
    monkeypatch.setattr("sys.stderr", Terminal())
    told = io.StringIO()
    call_command("export_entries", "--form", "jsonl", "--output", str(tmp_path / "a.jsonl"), stderr=told)
    bars = told.getvalue().split("\r")
    assert "Counting" in bars[1]
    assert bars[-1].startswith("█" * 30)
    assert "100%  " in bars[-1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--form", "csv", "--key", "x"), r"Copy it from there. \(--key\)"),
        (("--form", "csv", "--checkpoint", "PLACE/missing"), "cannot be read"),
        (("--form", "csv", "--checkpoint", __file__), "Only a bundle"),
        (("--form", "bundle", "--checkpoint", __file__), "not a checkpoint"),
        (("--form", "xlsx"), "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(options: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    a_year()
    with pytest.raises(CommandError, match=sentence):
        run("--output", tmp_path / "x", *(option.replace("PLACE", str(tmp_path)) for option in options))
    assert list(tmp_path.iterdir()) == []
    assert not Export.objects.exists()


def test_what_breaks_off_or_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    a_year()
    with pytest.raises(CommandError, match="cannot be written"):
        run("--form", "csv", "--output", tmp_path / "missing" / "x")
    assert not Export.objects.exists()
    Attachment.objects.update(content=Sealed(b"\xff\x05abcde" + bytes(60)))
    with pytest.raises(CommandError, match="arguments of entry 2"):
        run("--form", "csv", "--output", tmp_path / "x")
    assert newest().state == "broken_off"
    assert list(tmp_path.iterdir()) == []
