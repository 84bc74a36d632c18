"""Whoever takes the population of a search has all of it, can count it again, and sees when a file is not whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles.queries import Reach
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.queries import details_of
from audit.ledger.services import append
from audit.log.queries import newest_checkpoint
from audit.log.services import integrate
from audit.models import Attachment, Export, IndexedEntry, LedgerEntry
from audit.models.sealed import Sealed
from audit.population import services
from audit.population.contracts import ExportForm
from audit.population.csv_form import COLUMNS, defused
from audit.population.described import described
from audit.population.errors import BrokenOff, ContentNotYours, InvalidExport, TooManyExports
from audit.population.exporting import Order, Rights
from audit.population.queries import exports
from audit.population.reading import Taken
from audit.search.contracts import Search
from audit.search.errors import ContentIsNotYours
from audit.statements.kinds import EntryKind
from audit.statements.merkle import EMPTY_ROOT, leaf_hash, root_of
from audit.verify.verifier import verify
from tests.approvals.stored import every_column
from tests.audit.evidence import Evidence, approved_story
from tests.audit.population import (
    ALL,
    CANARIES,
    REASONS,
    a_year,
    exported,
    many,
    newest,
    objects,
    order,
    table,
    write,
)
from tests.audit.test_export import on_file

pytestmark = pytest.mark.django_db

CSV, JSON_LINES, BUNDLE = ExportForm
FOR_READING = (CSV, JSON_LINES)
PAYMENTS = Reach(everywhere=False, namespaces=frozenset({"payments"}))
DOCUMENT = Path(__file__).parents[2] / "docs" / "auditors.md"


def in_order(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    return sorted(entries, key=lambda entry: (entry.at_ms, entry.chain_id.encode(), entry.sequence))


def root_over(entries: list[LedgerEntry]) -> str:
    return root_of([leaf_hash(bytes(entry.entry_hash)) for entry in in_order(entries)]).hex()


def claim_in(form: ExportForm, data: bytes) -> dict[str, Any]:
    """Return what the file's end says of the whole."""
    if form is CSV:
        last = table(data)[-1]
        assert last["at"] == "complete"
        return dict(json.loads(last["arguments"]))
    last = objects(data)[-1]
    assert last.pop("line") == "complete"
    return last


def is_whole(form: ExportForm, data: bytes) -> bool:
    last = (table(data) if form is CSV else objects(data))[-1]
    return last.get("at" if form is CSV else "line") == "complete"


# --- What is in the file --------------------------------------------------------------------


@pytest.mark.parametrize("form", FOR_READING)
def test_all_that_is_found_is_in_the_file_once_in_order_with_its_counts_and_roots(form: ExportForm) -> None:
    found = [entry for entry in a_year() if entry.chain.namespace == "payments"]
    data = exported(order(form, namespace="payments"))
    rows = table(data)[:-1] if form is CSV else objects(data)[1:-1]
    assert [row["entry_hash"] for row in rows] == [bytes(entry.entry_hash).hex() for entry in in_order(found)]
    claim = claim_in(form, data)
    assert (claim["count"], claim["root"]) == (len(found), root_over(found))
    january, february = found[:4], found[4:]
    assert claim["periods"] == [
        {"count": 4, "period": "2026-01", "root": root_over(january)},
        {"count": len(february), "period": "2026-02", "root": root_over(february)},
    ]
    assert claim["logs"] == [{"origin": "localhost:5050/ledger/payments", "size": len(found)}]
    row = newest()
    assert (row.state, row.count, row.sent) == ("complete", len(found), len(found))
    assert (bytes(row.root or b"").hex(), row.periods) == (claim["root"], claim["periods"])


def test_the_population_is_what_the_search_finds() -> None:
    a_year()
    data = exported(order(CSV, tool="drop"))
    assert [row["tool"] for row in table(data)] == ["drop", "drop", ""]


def test_a_search_that_finds_nothing_has_a_whole_file_and_an_entry_of_its_own() -> None:
    a_year()
    data = exported(order(JSON_LINES, namespace="payments", tool="nothing"))
    assert [line["line"] for line in objects(data)] == ["population", "complete"]
    assert claim_in(JSON_LINES, data)["root"] == EMPTY_ROOT.hex()
    entry = LedgerEntry.objects.get(kind=EntryKind.EVIDENCE_EXPORTED)
    assert (entry.chain.namespace, details_of(entry)["count"]) == ("payments", 0)


def test_a_spreadsheet_takes_no_cell_for_a_formula_and_the_text_comes_back() -> None:
    a_year()
    data = exported(order(CSV, kind="warrant.revoked"))
    assert data.split(b"\r\n")[0] == ",".join(f'"{column}"' for column in COLUMNS).encode()
    reasons = [row["reason"] for row in table(data)[:-1]]
    assert not [reason for reason in reasons if reason.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert tuple(reason.removeprefix("'") for reason in reasons) == REASONS


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "'=1"])
def test_what_begins_a_formula_is_defused(text: str) -> None:
    assert defused(text) == "'" + text


def test_json_lines_hold_what_an_entry_says_and_what_is_beside_it() -> None:
    a_year()
    write(EntryKind.CALL_RESULT, tool="read_logs", key=b"\x01\x02", status="executed", result=b"30")
    integrate()
    lines = {(line.get("chain"), line.get("sequence")): line for line in objects(exported(order(JSON_LINES)))}
    call, result = lines["tnu_wrt_1", 2], lines["tnu_wrt_1", 11]
    assert call["attachments"] == {"arguments": {"content": {"lines": 50, "service": "CANARY-argument"}}}
    assert result["details"] == {"tool": "read_logs", "key": "0102", "status": "executed"}
    assert result["attachments"] == {"result": {"content": "30"}}, "text is not read as CBOR"


# --- Counting again -------------------------------------------------------------------------


def example() -> str:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return str(next(block for block in blocks if "entry_hash" in block))


def counted_again(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-c", example(), str(path)], capture_output=True, text=True, check=False
    )


def test_the_documents_example_counts_the_csv_again(tmp_path: Path) -> None:
    a_year()
    data = exported(order(CSV))
    lines = data.split(b"\r\n")
    files = {
        "whole": data,
        "no end": b"\r\n".join(lines[:-2]) + b"\r\n",
        "header": lines[0] + b"\r\n",
        "one less": b"\r\n".join(lines[:2] + lines[3:]),
        "swapped": b"\r\n".join([lines[0], lines[2], lines[1], *lines[3:]]),
    }
    answers = {}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        done = counted_again(tmp_path / name)
        answers[name] = (done.returncode, (done.stdout or done.stderr).strip())
    assert answers == {
        "whole": (0, "15 entries, and every root is right."),
        "no end": (1, "The file is not whole."),
        "header": (1, "The file is not whole."),
        "one less": (1, "The counts or roots are WRONG."),
        "swapped": (1, "The counts or roots are WRONG."),
    }


# --- Bundles --------------------------------------------------------------------------------


@pytest.fixture
def story() -> Evidence:
    """An incident whose bundle verifies, beside what else happened."""
    a_year()
    return on_file(
        approved_story(
            ledger=private_key_of(ensure_service_key(purpose="ledger")),
            receipts=private_key_of(ensure_service_key(purpose="receipts")),
        )
    )


def endorsed(story: Evidence) -> list[bytes]:
    return list(details_of(LedgerEntry.objects.get(chain=story.chain, sequence=1))["endorsements"])


def test_a_bundle_holds_whole_incidents_verifies_and_says_which_entries_were_found(story: Evidence) -> None:
    integrate()
    data = exported(order(BUNDLE, incident=story.chain, tool="restart_service"))
    report = verify(data, roots=[story.root_hex])
    assert report.verified, report.as_text()
    first, *_, close = objects(data)
    assert first["about"] == {"kind": "search", "search": {"incident": story.chain, "tool": "restart_service"}}
    assert close["entries"] == len(story.statements)
    assert 0 < close["matches"] < close["entries"]
    claim = claim_in(CSV, exported(order(CSV, incident=story.chain, tool="restart_service")))
    assert (close["matches"], close["periods"], close["root"]) == (claim["count"], claim["periods"], claim["root"])


def test_a_bundle_of_everything_says_who_endorsed_the_key_of_the_services_own_chains(
    story: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        append(chain="people", kind=EntryKind.PERSON_DISABLED, details={"person": "local:other", "by": "local:ada"})
    integrate()
    monkeypatch.setattr("audit.export.endorsing.endorsements", lambda: endorsed(story))
    data = exported(order(BUNDLE, kind="person.disabled,run.completed", person="local:other"))
    report = verify(data, roots=[story.root_hex])
    assert report.verified, report.as_text()


def test_a_bundle_that_breaks_off_has_no_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.population.reading.PIECE", 50)
    with transaction.atomic():
        for number in range(110):
            write(EntryKind.RUN_COMPLETED, number=number)
    integrate()
    LedgerEntry.objects.filter(chain="tnu_wrt_1", sequence=105).update(envelope=Sealed(b"\xff\x05abcde" + bytes(60)))
    asked = order(BUNDLE, namespace="payments")
    data = until_broken(services.steps(services.begin(asked), asked), BrokenOff)
    assert b'"line":"entry"' in data
    assert b'"line":"close"' not in data
    assert newest().state == "broken_off"


def test_a_bundle_of_which_something_is_no_longer_found_has_no_last_line(
    story: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrate()
    asked = order(BUNDLE, incident=story.chain)
    steps = services.steps(services.begin(asked), asked)
    for _ in range(2):
        assert next(steps) == b"", "it is counted and recorded"
    IndexedEntry.objects.filter(chain=story.chain, entry__sequence__gt=7).delete()
    assert b'"line":"close"' not in until_broken(steps, BrokenOff)
    assert "changed while it was sent" in newest().why


def test_a_kept_checkpoint_is_for_bundles_and_must_be_one(story: Evidence) -> None:
    integrate()
    note = newest_checkpoint("")
    asked = order(BUNDLE, incident=story.chain)
    data = exported(replace(asked, kept=(note,)))
    assert [one["kept"] for one in objects(data)[-1]["earlier"]] == [note]
    for form, kept in ((CSV, note), (BUNDLE, "no checkpoint")):
        with pytest.raises(InvalidExport):
            services.begin(replace(order(form), kept=(kept,)))


# --- Files that are not whole ---------------------------------------------------------------


@pytest.mark.parametrize("form", FOR_READING)
def test_what_fails_in_the_middle_lacks_its_end_and_the_row_says_so(
    form: ExportForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_year()
    asked = order(form)
    monkeypatch.setattr("audit.population.reading.PIECE", 4)
    calls = iter(range(100))

    def fails_late(taken: Taken, **options: Any) -> Any:
        if next(calls) == 9:
            raise RuntimeError("the disk is gone")
        return described(taken, **options)

    monkeypatch.setattr("audit.population.services.described", fails_late)
    data = until_broken(services.steps(services.begin(asked), asked), RuntimeError)
    assert data
    assert not is_whole(form, data)
    row = newest()
    assert (row.state, row.sent, row.count) == ("broken_off", 8, 15)
    assert "its log says what" in row.why
    assert row.ended_at is not None


def until_broken(steps: Iterable[bytes], error: type[Exception]) -> bytes:
    """Return what is sent until ``error`` ends it."""
    data = b""
    try:
        for part in steps:
            data += part
    except error:
        return data
    raise AssertionError("Nothing ended it.")


def broken_off(asked: Order) -> str:
    """Return why the export broke off, once it was sent as far as it goes."""
    with pytest.raises(BrokenOff):
        exported(asked)
    row = newest()
    assert row.state == "broken_off"
    return row.why


def test_an_entry_that_was_changed_in_the_database_ends_the_file() -> None:
    a_year()
    LedgerEntry.objects.filter(chain="tnu_wrt_1", sequence=3).update(at_ms=1)
    assert "Entry 3 of tnu_wrt_1 is not what is stored beside it" in broken_off(order(CSV))


def test_an_entry_under_the_hash_of_another_ends_the_file() -> None:
    a_year()
    LedgerEntry.objects.filter(chain="tnu_wrt_1", sequence=3).update(entry_hash=bytes(32))
    assert "Entry 3 of tnu_wrt_1 is not what is stored beside it" in broken_off(order(CSV))


def test_content_that_does_not_open_ends_the_file() -> None:
    a_year()
    Attachment.objects.update(content=Sealed(b"\xff\x05abcde" + bytes(60)))
    assert "arguments of entry 2 of tnu_wrt_1 cannot be read" in broken_off(order(JSON_LINES))


def test_what_changes_between_counting_and_sending_ends_the_file() -> None:
    a_year()
    asked = order(CSV)
    steps = services.steps(services.begin(asked), asked)
    data = next(part for part in steps if part)
    IndexedEntry.objects.filter(tool="drop").first().delete()  # type: ignore[union-attr]
    data += until_broken(steps, BrokenOff)
    assert "changed while it was sent" in newest().why
    assert not is_whole(CSV, data)


def test_an_entry_that_was_removed_when_its_time_was_over_is_in_the_population() -> None:
    a_year()
    LedgerEntry.objects.filter(chain="tnu_wrt_1", sequence=2).update(envelope=Sealed())
    lines = objects(exported(order(JSON_LINES)))
    assert [(line["sequence"], line["details"]) for line in lines if line.get("removed")] == [(2, {})]
    assert is_whole(CSV, exported(order(CSV)))


# --- What does not move ---------------------------------------------------------------------


@pytest.mark.parametrize("pass_", ["counting", "sending"])
def test_entries_that_are_appended_meanwhile_are_left_for_the_next(pass_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    monkeypatch.setattr("audit.population.reading.PIECE", 4)
    asked = order(CSV)
    steps = services.steps(services.begin(asked), asked)
    data = next(steps) if pass_ == "counting" else next(part for part in steps if part)
    write(EntryKind.RUN_COMPLETED, status="later")
    write(EntryKind.RUN_COMPLETED, chain="tnu_wrt_later", namespace="billing", status="later")
    integrate()
    whole = data + b"".join(steps)
    assert claim_in(CSV, whole)["count"] == 15
    assert len(table(whole)) == 16
    integrate()
    again = exported(order(CSV))
    assert len(table(again)) == 16 + 2 + 3, "and what the ledger says of the first export"


def test_an_index_that_is_behind_ends_the_export_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    monkeypatch.setattr("audit.population.reading.index", lambda: 0)
    monkeypatch.setattr("audit.population.services._PATIENCE_SECONDS", -1)
    assert "does not know all of the ledger yet" in broken_off(order(CSV))
    assert newest().count is None
    assert not LedgerEntry.objects.filter(kind=EntryKind.EVIDENCE_EXPORTED).exists()


def test_memory_does_not_grow_with_the_population(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.population.reading.PIECE", 10)
    sent, peaks = [], []
    for count in (50, 50, 500):  # the first one fills what Python keeps for later use
        many(count, name=f"tnu_wrt_{len(sent)}")
        asked = order(JSON_LINES)
        steps = services.steps(services.begin(asked), asked)
        tracemalloc.start()
        sent.append(sum(len(part) for part in steps))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert newest().sent == 600
    assert sent[2] - sent[1] > 500 * 4_000
    assert peaks[2] - peaks[1] < (sent[2] - sent[1]) / 8, "had it been kept, it would be more than all of it"


def test_no_piece_is_read_in_a_transaction_or_by_a_cursor_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    monkeypatch.setattr("audit.population.reading.PIECE", 4)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        exported(order(CSV))
    read = [query["sql"] for query in queries if "audit_indexedentry" in query["sql"] and "LIMIT 4" in query["sql"]]
    assert len(read) >= 2 * 4
    assert not [query["sql"] for query in queries if "DECLARE" in query["sql"] or "OFFSET" in query["sql"]]


# --- Who may take what ----------------------------------------------------------------------


@pytest.mark.parametrize("form", FOR_READING)
def test_whoever_may_not_see_content_gets_none(form: ExportForm) -> None:
    a_year()
    elsewhere = Reach(everywhere=False, namespaces=frozenset({"billing"}))
    with_content, without, other = (
        exported(order(form, content=content)).decode() for content in (ALL, None, elsewhere)
    )
    assert [word for word in CANARIES if word not in with_content] == ([] if form is JSON_LINES else ["CANARY-detail"])
    assert "CANARY" not in without
    assert "CANARY" not in other
    assert "plain" in without, "people's reasons are for every reader"


def test_details_of_kinds_to_come_are_content_until_somebody_says_otherwise() -> None:
    a_year()
    write(EntryKind.RUN_COMPLETED, status="completed", said="CANARY-new", approval=b"CANARY")
    integrate()
    line = objects(exported(order(JSON_LINES, content=None, kind="run.completed", namespace="payments")))[1]
    assert line["details"] == {"status": "completed"}


@pytest.mark.parametrize("form", FOR_READING)
def test_namespaces_out_of_reach_never_appear(form: ExportForm) -> None:
    a_year()
    data = exported(order(form, within=PAYMENTS))
    assert claim_in(form, data)["count"] == 12
    assert b"billing" not in data
    assert b"rings" not in data, "the installation's own chains are nobody's but who sees everything"
    said = LedgerEntry.objects.filter(kind=EntryKind.EVIDENCE_EXPORTED)
    assert [entry.chain.namespace for entry in said] == ["payments"]
    nothing = exported(order(form, within=PAYMENTS, namespace="billing"))
    assert claim_in(form, nothing)["count"] == 0
    assert claim_in(form, nothing)["logs"] == []


def test_a_bundle_needs_content_of_all_that_it_may_hold() -> None:
    a_year()
    for refused in (
        order(BUNDLE, content=None),
        order(BUNDLE, content=PAYMENTS),
        order(BUNDLE, within=PAYMENTS, content=None),
        order(BUNDLE, content=PAYMENTS, namespace="billing"),
    ):
        with pytest.raises(ContentNotYours):
            services.begin(refused)
    for taken in (order(BUNDLE, content=PAYMENTS, namespace="payments"), order(BUNDLE, within=PAYMENTS)):
        assert services.begin(taken)


def test_whoever_may_not_see_arguments_cannot_export_a_search_in_them() -> None:
    with pytest.raises(ContentIsNotYours):
        services.begin(order(CSV, content=None, value="CANARY-argument"))
    assert not Export.objects.exists()


def test_an_export_ends_when_the_persons_rights_change() -> None:
    a_year()
    rights = [Rights(ALL, ALL)] * 3 + [Rights(PAYMENTS, ALL)]
    asked = Order(Search(), CSV, "local:rita", Rights(ALL, ALL), lambda: rights.pop(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.population.reading.PIECE", 5)
        assert "changed meanwhile" in broken_off(asked)
    assert newest().sent == 0


def test_nobody_has_more_than_two_running() -> None:
    a_year()
    asked = order(CSV)
    first, _second = services.begin(asked), services.begin(asked)
    with pytest.raises(TooManyExports):
        services.begin(asked)
    list(services.steps(first, asked))
    assert services.begin(asked)


def test_an_export_whose_process_is_gone_takes_nobodys_place() -> None:
    asked = order(CSV)
    dead, _alive = services.begin(asked), services.begin(asked)
    Export.objects.filter(pk=dead.pk).update(moved_at=timezone.now() - timedelta(minutes=7))
    line = next(line for line in exports(within=ALL, person="") if line.id == str(dead.pk))
    assert (line.state, line.why) == ("broken_off", "The process that sent it ended before it was whole.")
    services.begin(asked)
    dead.refresh_from_db()
    assert dead.state == "broken_off"
    a_year()
    with pytest.raises(BrokenOff, match="ended elsewhere"):
        list(services.steps(dead, asked))


# --- What is said of it ---------------------------------------------------------------------


def test_the_ledger_says_it_before_the_first_line_is_sent() -> None:
    a_year()
    asked = order(CSV, tool="drop", text="CANARY-searched")
    steps = services.steps(services.begin(asked), asked)
    next(part for part in steps if part)
    said = details_of(LedgerEntry.objects.get(kind=EntryKind.EVIDENCE_EXPORTED))
    assert (said["person"], said["form"], said["count"]) == ("local:rita", "csv", 0)
    steps.close()
    assert (newest().state, newest().why) == ("broken_off", services._GONE)


def test_every_namespace_from_which_something_is_taken_has_its_entry() -> None:
    a_year()
    claim = claim_in(CSV, exported(order(CSV)))
    said = {
        entry.chain.namespace: details_of(entry)
        for entry in LedgerEntry.objects.filter(kind=EntryKind.EVIDENCE_EXPORTED)
    }
    assert {namespace: details["of_namespace"] for namespace, details in said.items()} == {
        "": 2, "billing": 1, "payments": 12,
    }  # fmt: skip
    for namespace, details in said.items():
        assert details["root"].hex() == claim["root"]
        assert [{**period, "root": period["root"].hex()} for period in details["periods"]] == claim["periods"]
        assert [log["origin"] for log in details["logs"]] == [
            f"localhost:5050/ledger/{namespace}" if namespace else "localhost:5050/ledger"
        ]


def test_words_that_were_searched_for_are_plain_in_no_column() -> None:
    a_year()
    exported(order(CSV, text="CANARY-searched", value="CANARY-argument"))
    exported(order(JSON_LINES, namespace="payments", text="CANARY-searched", value="CANARY-argument"))
    assert {column for column, content in every_column(connection).items() if b"CANARY" in content} == set()
    sealed = LedgerEntry.objects.get(kind=EntryKind.EVIDENCE_EXPORTED, chain__namespace="payments")
    assert details_of(sealed)["search"]["value"] == "CANARY-argument"
    assert newest().search == {"namespace": "payments", "text": "(not kept here)", "value": "(not kept here)"}


def test_auditors_see_exports_of_their_namespaces_and_their_own() -> None:
    a_year()
    exported(order(CSV, namespace="billing"))
    exported(order(CSV))
    exported(order(CSV, namespace="payments"))
    assert [line.namespaces for line in exports(within=ALL, person="")] == [
        ["payments"], ["", "billing", "payments"], ["billing"],
    ]  # fmt: skip
    assert [line.namespaces for line in exports(within=PAYMENTS, person="")] == [["payments"], ["payments"]]
    assert len(exports(within=PAYMENTS, person="local:rita")) == 3
