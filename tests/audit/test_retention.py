"""Evidence goes at the end of its time, with a signed record, and nothing else makes it go."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.namespaces.contracts import Namespace
from audit.keys.contracts import Purpose
from audit.keys.queries import service_private_key
from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.queries import details_of
from audit.ledger.services import append
from audit.ledger.signals import evidence_needed, evidence_removed
from audit.log.checking import check
from audit.log.services import integrate
from audit.models import Attachment, EvidenceRemoval, LedgerChain, LedgerEntry
from audit.retention import queries, services
from audit.retention.applying import apply
from audit.retention.errors import NotWhole, OnHold, RetentionError, StillNeeded
from audit.rings.services import ensure_ring
from audit.statements import statements
from audit.statements.kinds import EntryKind

pytestmark = pytest.mark.django_db

ONE, TWO, GOING_ON = "tnu_wrt_1", "tnu_wrt_2", "tnu_wrt_3"
PAYMENTS, DAYS = "payments", 2557
RECORDS = namespace_chain(Subject.PAYLOADS, PAYMENTS)


def write(chain: str, kind: EntryKind = EntryKind.CALL_ALLOWED, namespace: str = PAYMENTS) -> None:
    with transaction.atomic():
        append(
            chain=chain,
            kind=kind,
            details={"tool": "restart"},
            attachments={"arguments": f"content of {chain}".encode()},
            namespace=namespace,
        )


@pytest.fixture(autouse=True)
def incidents(db: None, settings: Any) -> None:
    """Two incidents that ended, and one that goes on."""
    settings.NAMESPACES = (Namespace(PAYMENTS, evidence_days=DAYS), Namespace("research"))
    with transaction.atomic():
        ensure_ring(namespace=PAYMENTS)
    for chain in (ONE, TWO, GOING_ON):
        write(chain)
    for chain in (ONE, TWO):
        write(chain, EntryKind.RUN_COMPLETED)
    integrate()


def faults() -> list[str]:
    integrate()
    return list(check([], lambda: None))


def end_of(chain: str) -> datetime:
    last = queries.last_entry(LedgerChain.objects.get(name=chain))
    assert last is not None
    return queries.ends_at(last.at_ms, DAYS)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(days=DAYS, minutes=1)


def is_removed(chain: str) -> bool:
    entries = list(LedgerEntry.objects.filter(chain=chain))
    attachments = list(Attachment.objects.filter(entry__chain=chain))
    gone = {entry.is_emptied for entry in entries} | {one.__dict__["content"] is None for one in attachments}
    assert len(gone) == 1, "all of it or none"
    return gone == {True}


# --- When it goes, and what stays --------------------------------------------------------------


def test_at_the_end_content_goes_and_the_log_still_verifies_with_a_record() -> None:
    hashes = list(LedgerEntry.objects.filter(chain=ONE).values_list("entry_hash", flat=True))
    done = list(apply(now=later()))
    assert [(one.name, one.refusal) for one in done] == [(ONE, ""), (TWO, "")]
    assert (is_removed(ONE), is_removed(TWO), is_removed(GOING_ON)) == (True, True, False)
    assert list(LedgerEntry.objects.filter(chain=ONE).values_list("entry_hash", flat=True)) == hashes
    assert faults() == []
    said = details_of(LedgerEntry.objects.get(chain=RECORDS, sequence=1))
    chain = LedgerChain.objects.get(name=ONE)
    assert (said["chain"], said["size"], said["head"], said["days"]) == (ONE, 2, bytes(chain.head), DAYS)
    assert list(apply(now=later())) == [], "once is enough"


def test_seven_years_are_seven_years_to_the_millisecond() -> None:
    end = end_of(ONE)
    assert ONE not in list(queries.due(now=end - timedelta(milliseconds=1)))
    with pytest.raises(StillNeeded):
        services.remove(chain=ONE, now=end - timedelta(milliseconds=1))
    assert ONE in list(queries.due(now=end))
    services.remove(chain=ONE, now=end)
    assert is_removed(ONE)


@pytest.mark.parametrize("chain", [GOING_ON, "tnu_wrt_research", "tnu_wrt_lost"])
def test_what_goes_on_or_has_no_end_is_never_touched(chain: str) -> None:
    for namespace in ("research", "lost"):  # without an end, and not configured at all
        with transaction.atomic():
            ensure_ring(namespace=namespace)
        write(f"tnu_wrt_{namespace}", EntryKind.RUN_COMPLETED, namespace)
    century = datetime.now(UTC) + timedelta(days=36_500)
    assert chain not in [one.name for one in apply(now=century)]
    with pytest.raises(StillNeeded):
        services.remove(chain=chain, now=century)
    assert not is_removed(chain)


def test_the_services_own_chains_have_no_end() -> None:
    with pytest.raises(LedgerChain.DoesNotExist):
        services.remove(chain="rings", now=later())


def test_what_came_later_begins_its_time_anew_and_goes_with_a_record_of_its_own() -> None:
    services.remove(chain=ONE, now=later())
    write(ONE)
    assert faults() == []
    assert ONE in list(queries.due(now=later() + timedelta(minutes=1)))
    services.remove(chain=ONE, now=later() + timedelta(minutes=1))
    assert is_removed(ONE)
    assert [row.size for row in EvidenceRemoval.objects.filter(chain=ONE)] == [2, 3]
    assert faults() == []


def test_who_still_needs_it_keeps_it() -> None:
    def needs(chain: str, **_: Any) -> str:
        return "People read it." if chain == ONE else ""

    evidence_needed.connect(needs)
    try:
        assert {one.name: one.refusal for one in apply(now=later())} == {
            ONE: "People read it. Nothing was done.",
            TWO: "",
        }
    finally:
        evidence_needed.disconnect(needs)
    assert (is_removed(ONE), is_removed(TWO)) == (False, True)


def test_a_kill_in_the_middle_leaves_an_incident_whole_and_the_next_run_goes_on() -> None:
    class Killed(BaseException):
        pass

    def kill(chain: str, **_: Any) -> None:
        if chain == TWO:
            raise Killed

    evidence_removed.connect(kill)
    try:
        with pytest.raises(Killed):
            list(apply(now=later()))
    finally:
        evidence_removed.disconnect(kill)
    assert (is_removed(ONE), is_removed(TWO)) == (True, False)
    assert LedgerChain.objects.get(name=RECORDS).size == 1, "what was not removed is not recorded"
    assert faults() == []
    assert [one.name for one in apply(now=later())] == [TWO]
    assert faults() == []


# --- Holds -------------------------------------------------------------------------------------


def test_what_is_held_stays_until_it_is_released_and_the_record_says_who_held_it() -> None:
    services.hold(chain=ONE, reason="A lawsuit", by="local:grace")
    assert [one.name for one in apply(now=later())] == [TWO]
    with pytest.raises(OnHold, match="local:grace"):
        services.remove(chain=ONE, now=later())
    with pytest.raises(OnHold):
        services.hold(chain=ONE, reason="Another", by="local:ada")
    services.release(chain=ONE, by="local:ada")
    services.remove(chain=ONE, now=later())
    (held,) = details_of(LedgerEntry.objects.get(chain=RECORDS, sequence=2))["holds"]
    assert (held["by"], held["released_by"]) == ("local:grace", "local:ada")


def test_the_command_holds_says_who_and_why_and_releases() -> None:
    call_command("hold_evidence", ONE, reason="A lawsuit", stdout=io.StringIO())
    standing = queries.standing_of(ONE)
    assert standing.hold is not None
    assert (standing.hold.by, standing.hold.reason) == ("command line", "A lawsuit")
    assert standing.kept_until == end_of(ONE)
    call_command("hold_evidence", ONE, release=True, stdout=io.StringIO())
    assert queries.standing_of(ONE).hold is None
    for refused in ({"release": True}, {"reason": " "}):
        with pytest.raises(CommandError):
            call_command("hold_evidence", ONE, **refused)
    with pytest.raises(CommandError, match="no incident"):
        call_command("hold_evidence", "unknown", reason="x")


def test_a_dry_run_says_what_would_go_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = later()
    monkeypatch.setattr("audit.management.commands.apply_retention.timezone.now", lambda: now)
    output = io.StringIO()
    call_command("apply_retention", dry_run=True, stdout=output)
    assert output.getvalue().count("would be removed under the rule of payments, 2557 days") == 2
    assert not is_removed(ONE)
    call_command("apply_retention", stdout=io.StringIO())
    assert is_removed(ONE)


# --- Attacks -----------------------------------------------------------------------------------


def empty(chain: str) -> None:
    Attachment.objects.filter(entry__chain=chain).update(content=None, salt=None, erased_at=datetime.now(UTC))
    LedgerEntry.objects.filter(chain=chain).update(envelope=b"")


def without_a_record() -> None:
    empty(ONE)


def with_the_record_of_another() -> None:
    services.remove(chain=TWO, now=later())
    empty(ONE)
    EvidenceRemoval.objects.filter(chain=TWO).update(chain=ONE)


def rewritten(change: Callable[[dict[str, Any]], None], key: Ed25519PrivateKey | None = None) -> None:
    """Remove TWO, and have its record say something else, signed with ``key`` or the ledger's own."""
    services.remove(chain=TWO, now=later())
    entry = LedgerEntry.objects.get(chain=RECORDS, sequence=1)
    facts = statements.parse(entry.envelope).facts
    change(facts["details"])
    key = key or service_private_key(Purpose.LEDGER)
    entry.envelope = statements.sign(statements.Context.ENTRY, facts, key).to_bytes()
    entry.save()


def with_a_forged_record() -> None:
    rewritten(lambda details: None, Ed25519PrivateKey.generate())


def with_a_record_of_another_head() -> None:
    rewritten(lambda details: details.update(head=bytes(32)))


def with_a_record_of_another_size() -> None:
    rewritten(lambda details: details.update(size=1))


def with_a_record_of_another_kind() -> None:
    empty(TWO)
    with transaction.atomic():
        row = LedgerChain.objects.get(name=TWO)
        details = {"chain": TWO, "size": row.size, "head": bytes(row.head), "index": services._index(row)}
        record = append(chain=RECORDS, kind=EntryKind.PAYLOAD_DECODED, details=details, namespace=PAYMENTS)
        EvidenceRemoval.objects.create(chain=row, size=row.size, record=record, removed_at=datetime.now(UTC))


def with_a_record_in_an_agents_chain() -> None:
    empty(TWO)
    with transaction.atomic():
        row = LedgerChain.objects.get(name=TWO)
        details = {"chain": TWO, "size": row.size, "head": bytes(row.head), "index": services._index(row)}
        record = append(chain=ONE, kind=EntryKind.RETENTION_APPLIED, details=details, namespace=PAYMENTS)
        EvidenceRemoval.objects.create(chain=row, size=row.size, record=record, removed_at=datetime.now(UTC))


def without_the_row_that_names_it() -> None:
    services.remove(chain=TWO, now=later())
    EvidenceRemoval.objects.all().delete()


def and_another_kind_was_written_over_it() -> None:
    services.remove(chain=TWO, now=later())
    LedgerEntry.objects.filter(chain=TWO, sequence=1).update(kind=EntryKind.CALL_DENIED)


def and_its_end_was_cut() -> None:
    services.remove(chain=TWO, now=later())
    entry = LedgerEntry.objects.get(chain=TWO, sequence=2)
    entry.attachments.all().delete()
    entry.leaf.delete()
    entry.delete()
    head = LedgerEntry.objects.get(chain=TWO, sequence=1).entry_hash
    LedgerChain.objects.filter(name=TWO).update(size=1, head=head)


def an_attachment_without_a_record() -> None:
    Attachment.objects.filter(entry__chain=ONE, entry__sequence=1).update(
        content=None, salt=None, erased_at=datetime.now(UTC)
    )


def and_an_attachment_came_back() -> None:
    services.remove(chain=TWO, now=later())
    row = Attachment.objects.get(entry__chain=TWO, entry__sequence=1)
    row.content, row.salt, row.erased_at = b"other", bytes(16), None
    row.save()


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (without_a_record, "Entry 1 of tnu_wrt_1 has lost what it says"),
        (with_the_record_of_another, "Entry 1 of tnu_wrt_1 has lost what it says"),
        (with_a_forged_record, "Entry 1 of tnu_wrt_2 has lost what it says"),
        (with_a_record_of_another_head, "Entry 1 of tnu_wrt_2 has lost what it says"),
        (with_a_record_of_another_size, "Entry 2 of tnu_wrt_2 has lost what it says"),
        (with_a_record_of_another_kind, "Entry 1 of tnu_wrt_2 has lost what it says"),
        (with_a_record_in_an_agents_chain, "Entry 1 of tnu_wrt_2 has lost what it says"),
        (without_the_row_that_names_it, "Entry 1 of tnu_wrt_2 has lost what it says"),
        (and_another_kind_was_written_over_it, "the record of that is over other entries"),
        (and_its_end_was_cut, "had 2 entries when it was removed under retention, and has 1"),
        (an_attachment_without_a_record, "no record says that it was erased"),
        (and_an_attachment_came_back, "was removed, and still has its attachment 'arguments'"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_only_a_record_with_exactly_that_end_vouches_for_an_empty_entry(
    attack: Callable[[], None], finding: str
) -> None:
    assert faults() == []
    attack()
    found = faults()
    assert any(finding in one for one in found), found


def test_a_record_signed_with_the_ledgers_own_key_over_another_end_is_found() -> None:
    """Whoever has the keys can append a record; what it says must still be so."""
    empty(TWO)
    row = LedgerChain.objects.get(name=TWO)
    with transaction.atomic():
        details = {"chain": TWO, "size": row.size, "head": bytes(32), "index": services._index(row)}
        record = append(chain=RECORDS, kind=EntryKind.RETENTION_APPLIED, details=details, namespace=PAYMENTS)
        EvidenceRemoval.objects.create(chain=row, size=row.size, record=record, removed_at=datetime.now(UTC))
    assert any("the record of that is over other entries" in one for one in faults())


def aged() -> None:
    LedgerEntry.objects.filter(chain=ONE).update(at_ms=1)


def cut() -> None:
    LedgerChain.objects.filter(name=ONE).update(size=1)


def of_another_namespace(settings: Any) -> None:
    settings.NAMESPACES = (Namespace(PAYMENTS, evidence_days=DAYS), Namespace("brief", evidence_days=1))
    with transaction.atomic():
        ensure_ring(namespace="brief")
    LedgerChain.objects.filter(name=ONE).update(namespace="brief")


@pytest.mark.parametrize("damage", ["aged", "cut", "moved"])
def test_nothing_is_removed_whose_age_or_rule_was_changed_in_the_database(damage: str, settings: Any) -> None:
    now = datetime.now(UTC) + timedelta(days=3) if damage != "cut" else later()
    {"aged": aged, "cut": cut, "moved": lambda: of_another_namespace(settings)}[damage]()
    with pytest.raises(NotWhole, match="verify_ledger"):
        services.remove(chain=ONE, now=now)
    (refused,) = [one for one in apply(now=now) if one.name == ONE]
    assert "verify_ledger" in refused.refusal
    assert not is_removed(ONE)


def test_refusals_are_sentences_with_codes() -> None:
    def all_of(base: type[RetentionError]) -> Iterator[type[RetentionError]]:
        for one in base.__subclasses__():
            yield one
            yield from all_of(one)

    codes = [one.code for one in all_of(RetentionError)]
    assert all(codes)
    assert len(set(codes)) == len(codes)
