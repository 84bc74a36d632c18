"""What the service writes is what an auditor can verify."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from audit.export.services import bundle_of
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.queries import details_of
from audit.ledger.services import append, erase_attachment
from audit.models import LedgerChain, LedgerEntry, PendingLeaf
from audit.receipts.services import record
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.audit.evidence import Evidence, approved_story

pytestmark = pytest.mark.django_db


def on_file(story: Evidence) -> Evidence:
    """Write the story through the service, as the rooms would: receipts by ``record``, the rest by ``append``."""
    for statement, salted in zip(story.statements, story.attachments, strict=True):
        kind, details = EntryKind(statement["kind"]), statement["details"]
        contents = {name: pair[1] for name, pair in salted.items() if pair is not None}
        with transaction.atomic():
            if kind.startswith("call.") and kind is not EntryKind.CALL_RESULT:
                renamed = {"at_ms": details["decided_at_ms"], "sequence": details["worker_sequence"]}
                kept = {
                    name: value for name, value in details.items() if name not in ("decided_at_ms", "worker_sequence")
                }
                verdict = kind.removeprefix("call.")
                record(**kept, **renamed, verdict=verdict, chain=story.chain, arguments_cbor=contents["arguments"])
            else:
                append(chain=story.chain, kind=kind, details=details, attachments=contents, label="P1042")
    return story


@pytest.fixture
def story() -> Evidence:
    return on_file(
        approved_story(
            ledger=private_key_of(ensure_service_key(purpose="ledger")),
            receipts=private_key_of(ensure_service_key(purpose="receipts")),
        )
    )


def check(story: Evidence, data: bytes | None = None) -> Report:
    exported = b"".join(bundle_of(story.chain).lines()) if data is None else data
    return verify(exported, roots=[story.root_hex])


def test_an_exported_incident_verifies(story: Evidence) -> None:
    report = check(story)
    assert report.verified, report.as_text()
    assert report.state == "completed"


def test_the_same_chain_gives_the_same_bytes_however_its_log_goes_on(story: Evidence) -> None:
    first = list(bundle_of(story.chain).lines())
    with transaction.atomic():
        append(chain="people", kind=EntryKind.PERSON_DISABLED, details={"person": "local:other"})
    assert list(bundle_of(story.chain).lines()) == first
    assert len(first) == len(story.statements) + 3


def test_entries_appended_during_an_export_wait_for_the_next(story: Evidence) -> None:
    lines = bundle_of(story.chain).lines()
    first = next(lines)
    append(chain=story.chain, kind=EntryKind.RUN_COMPLETED, details={"status": "again"})
    assert check(story, b"".join([first, *lines])).verified
    assert LedgerChain.objects.get(name=story.chain).size == len(story.statements) + 1


def test_an_erased_attachment_leaves_evidence_that_verifies(story: Evidence) -> None:
    erase_attachment(chain=story.chain, sequence=2, name="arguments")
    data = b"".join(bundle_of(story.chain).lines())
    assert b'"attachments":{"arguments":null}' in data
    report = check(story, data)
    assert report.verified, report.as_text()
    assert "Line 3: erased, and not checked again: arguments." in report.notes


@pytest.mark.parametrize("sequence", [1, 3, 9])
def test_a_deleted_row_is_noticed(story: Evidence, sequence: int) -> None:
    entry = LedgerEntry.objects.get(sequence=sequence)
    entry.attachments.all().delete()
    if hasattr(entry, "recorded_receipt"):
        entry.recorded_receipt.delete()
    PendingLeaf.objects.filter(entry=entry).delete()
    entry.delete()
    assert not check(story).verified


def test_a_changed_row_is_noticed(story: Evidence) -> None:
    attachment = LedgerEntry.objects.get(sequence=7).attachments.get()
    attachment.content = cbor.encode({"service": "ledger", "environment": "production"})
    attachment.save()
    report = check(story)
    assert report.failures[0].line == 8


def test_the_command_writes_a_file_by_label_or_chain(story: Evidence, tmp_path: Path) -> None:
    for name in ("P1042", story.chain):
        output = tmp_path / "evidence.jsonl"
        call_command("export_receipts", name, output=output)
        assert check(story, output.read_bytes()).verified
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.jsonl"]
    recorded = LedgerEntry.objects.filter(kind=EntryKind.EVIDENCE_EXPORTED)
    assert [(details_of(entry)["person"], details_of(entry)["chain"]) for entry in recorded] == [
        ("command line", story.chain)
    ] * 2


def test_the_command_writes_to_standard_output(story: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("export_receipts", "P1042")
    assert check(story, capsys.readouterr().out.encode()).verified


def test_the_command_names_an_incident_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no incident 'P9'"):
        call_command("export_receipts", "P9")


def test_the_command_names_a_file_that_cannot_be_written(story: Evidence, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_receipts", "P1042", output=tmp_path / "missing" / "evidence.jsonl")
