"""The ledger is written once, in order, together with what it records."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from audit.keys.queries import service_public_key
from audit.ledger.errors import LedgerError, OutsideTransaction
from audit.ledger.services import append, erase_attachment
from audit.ledger.signals import entry_appended
from audit.models import Attachment, LedgerChain, LedgerEntry
from audit.receipts.services import UnknownChain, UnknownVerdict, record
from audit.statements import cbor, statements
from audit.statements.entries import attachment_digest, entry_hash
from audit.statements.kinds import EntryKind
from tests.audit.evidence import READ, RESTART, Evidence

CHAIN = "tnu_wrt_" + "a" * 32


def complete(chain: str = CHAIN, **options: Any) -> LedgerEntry:
    return append(chain=chain, kind=EntryKind.RUN_COMPLETED, details={"status": "completed"}, **options)


@pytest.fixture
def incident(db: None) -> Evidence:
    """An incident whose warrant is in the ledger."""
    story = Evidence()
    story.minted()
    with transaction.atomic():
        append(chain=story.chain, kind=EntryKind.WARRANT_MINTED, details=story.statements[0]["details"])
    return story


def receipt(incident: Evidence, verdict: str = "allowed", **changes: Any) -> dict[str, Any]:
    arguments, tool, code = {
        "allowed": (READ, "read_logs", ""),
        "denied": ({"name": "payments"}, "delete_database", "tool-not-authorized"),
        "gated": (RESTART, "restart_service", "approval-required"),
    }[verdict]
    details = incident.call_details(tool, arguments, verdict=verdict, code=code)
    at_ms, sequence = details.pop("decided_at_ms"), details.pop("worker_sequence")
    sent = {**details, "at_ms": at_ms, "sequence": sequence, "verdict": verdict, "chain": incident.chain}
    return {**sent, "arguments_cbor": cbor.encode(arguments), **changes}


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(OutsideTransaction):
        complete()
    assert not LedgerChain.objects.exists()


@pytest.mark.django_db
def test_entries_are_signed_numbered_and_linked() -> None:
    first, second = complete(label="P1042"), complete()
    envelopes = [statements.parse(bytes(entry.envelope)) for entry in (first, second)]
    for envelope in envelopes:
        envelope.verify(statements.Context.ENTRY)
        assert envelope.signer_key == service_public_key("ledger")
    assert [envelope.facts["sequence"] for envelope in envelopes] == [1, 2]
    assert envelopes[0].facts["previous"] == bytes(32)
    assert envelopes[1].facts["previous"] == entry_hash(envelopes[0].statement) == bytes(first.entry_hash)
    chain = LedgerChain.objects.get(name=CHAIN)
    assert (chain.label, chain.size, bytes(chain.head)) == ("P1042", 2, bytes(second.entry_hash))


@pytest.mark.django_db
def test_chains_do_not_mix() -> None:
    complete()
    assert complete("keys").sequence == 1


@pytest.mark.django_db
def test_an_attachment_is_named_by_a_salted_digest() -> None:
    entry = complete(attachments={"result": b"done"})
    stored = Attachment.objects.get(entry=entry)
    named = statements.parse(bytes(entry.envelope)).facts["attachments"]["result"]
    assert named == attachment_digest(bytes(stored.salt), b"done")
    assert len(stored.salt) == 16


@pytest.mark.django_db
def test_erasing_an_attachment_leaves_the_chain_as_it_is() -> None:
    entry = complete(attachments={"result": b"a secret"})
    before = bytes(LedgerEntry.objects.get(pk=entry.pk).envelope)
    erase_attachment(chain=CHAIN, sequence=1, name="result")
    stored = Attachment.objects.get(entry=entry)
    assert stored.content is None
    assert stored.salt is None
    assert stored.erased_at is not None
    assert bytes(LedgerEntry.objects.get(pk=entry.pk).envelope) == before
    with pytest.raises(LedgerError, match="no attachment"):
        erase_attachment(chain=CHAIN, sequence=1, name="result")


@pytest.mark.django_db
def test_an_entry_that_cannot_be_read_back_is_not_written() -> None:
    with pytest.raises(cbor.MalformedBytes), transaction.atomic():
        append(chain=CHAIN, kind=EntryKind.RUN_COMPLETED, details={"at": object()})
    with pytest.raises(LedgerError, match="at most"), transaction.atomic():
        append(chain=CHAIN, kind=EntryKind.RUN_COMPLETED, details={"text": "x" * cbor.MAXIMUM_BYTES})
    assert not LedgerEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_of_a_transaction_that_fails_never_was() -> None:
    with transaction.atomic():
        complete()
    with transaction.atomic():
        complete()
        transaction.set_rollback(True)
    with transaction.atomic():
        assert complete().sequence == 2


@pytest.mark.django_db
def test_a_place_in_a_chain_is_taken_once() -> None:
    entry = complete()
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(
            chain=entry.chain, sequence=1, kind=entry.kind, at_ms=0, envelope=b"", entry_hash=b"other"
        )


WRITER = """
import django
django.setup()
from django.db import transaction
from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from tests.audit.evidence import READ, RESTART, Evidence
for number in range(10):
    with transaction.atomic():
        append(chain="CHAIN", kind=EntryKind.RUN_COMPLETED, details={"number": number})
"""
READER = """
import django
django.setup()
from audit.models import LedgerChain, LedgerEntry
from audit.statements.statements import parse
previous, sequences = bytes(32), []
for entry in LedgerEntry.objects.order_by("sequence"):
    assert parse(bytes(entry.envelope)).facts["previous"] == previous
    previous = bytes(entry.entry_hash)
    sequences.append(entry.sequence)
assert bytes(LedgerChain.objects.get().head) == previous
print(sequences == list(range(1, 31)))
"""


def test_processes_that_write_at_once_leave_no_gap(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/ledger.sqlite3",
        "TEST_DATABASE": "",
    }
    python = [sys.executable, "-c"]
    migrate = "import django; django.setup(); from django.core.management import call_command; "
    subprocess.run([*python, migrate + "call_command('migrate', 'audit', verbosity=0)"], env=environment, check=True)
    writers = [subprocess.Popen([*python, WRITER.replace("CHAIN", CHAIN)], env=environment) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    read = subprocess.run([*python, READER], env=environment, check=True, capture_output=True, text=True)
    assert read.stdout.strip() == "True"


@pytest.mark.django_db(transaction=True)
def test_who_listens_hears_of_an_entry_inside_its_transaction() -> None:
    heard: list[tuple[int, bool]] = []

    def listen(entry: LedgerEntry, **_: Any) -> None:
        heard.append((entry.sequence, connection.in_atomic_block))

    entry_appended.connect(listen)
    try:
        with transaction.atomic():
            complete()
    finally:
        entry_appended.disconnect(listen)
    assert heard == [(1, True)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        ("allowed", EntryKind.CALL_ALLOWED),
        ("denied", EntryKind.CALL_DENIED),
        ("gated", EntryKind.CALL_GATED),
    ],
)
def test_a_receipt_becomes_an_entry_with_its_arguments_beside_it(
    incident: Evidence, verdict: str, kind: EntryKind
) -> None:
    sent = receipt(incident, verdict)
    entry = record(**sent)
    assert entry is not None
    assert entry.kind == kind
    facts = statements.parse(bytes(entry.envelope)).facts
    assert facts["details"]["receipt"] == sent["receipt"]
    assert facts["details"]["decided_at_ms"] == sent["at_ms"]
    assert set(facts["attachments"]) == {"arguments"}


@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_arrives_twice_is_recorded_once(incident: Evidence) -> None:
    first = receipt(incident)
    assert record(**first) is not None
    assert record(**first) is None
    assert record(**{**first, "worker": "worker-2"}) is None
    assert record(**receipt(incident)) is not None
    assert LedgerEntry.objects.count() == 3


@pytest.mark.django_db
def test_a_worker_cannot_write_to_the_chain_of_keys(incident: Evidence) -> None:
    for chain in ("keys", "tnu_wrt_" + "0" * 32):
        with pytest.raises(UnknownChain, match="minted here"):
            record(**receipt(incident, chain=chain))
    with pytest.raises(UnknownVerdict):
        record(**{**receipt(incident), "verdict": "maybe"})
    assert LedgerEntry.objects.count() == 1
