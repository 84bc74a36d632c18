"""What is in the index is found by whoever may find it, and by nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from audit.access import Everywhere
from audit.custody import CustodyError
from audit.ledger.services import append, erase_attachment
from audit.log.services import integrate
from audit.models import IndexedEntry, IndexState, LedgerEntry, SearchKey, SearchTerm
from audit.models.sealed import Sealed
from audit.search import indexing
from audit.search.contracts import Search
from audit.search.errors import ContentIsNotYours
from audit.search.forgetting import forget_chain
from audit.search.indexing import index, rebuild
from audit.search.queries import OLDEST_FIRST, matching, waiting
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from tests.approvals.stored import every_column
from tests.audit.evidence import LEAD, Evidence, denied_story, public
from tests.audit.indexed import indexed, keys, take
from workers import indexing as keeping

pytestmark = pytest.mark.django_db
ALL = Everywhere()


@dataclass(frozen=True)
class Some:
    """A reach of some namespaces."""

    namespaces: frozenset[str]
    everywhere: bool = False

    def __bool__(self) -> bool:
        return bool(self.namespaces)


PAYMENTS, BILLING = Some(frozenset({"payments"})), Some(frozenset({"billing"}))


def found(within: Any = ALL, content: Any = ALL, records: Any = ALL, /, **parameters: str) -> list[tuple[int, str]]:
    """Return (sequence, kind) of what a search finds, the oldest first."""
    asked = {name.rstrip("_"): value for name, value in parameters.items()}
    rows = matching(Search.from_parameters(asked), within=within, content=content, records=records)
    return [(row.entry.sequence, str(row.kind)) for row in rows.order_by(*OLDEST_FIRST).select_related("entry")]


@pytest.fixture
def story() -> Evidence:
    return indexed()


def test_everything_is_found_in_the_order_of_the_chain(story: Evidence) -> None:
    assert [sequence for sequence, _ in found(incident="P1042")] == list(range(1, 10))
    assert found(incident=story.chain) == found(incident="P1042") == found(namespace="payments", kind="")[:9]
    assert found(incident="P1043") == []


def test_a_decision_is_found_by_person_key_tool_kind_workflow_and_time(story: Evidence) -> None:
    granted = [(6, "approval.granted")]
    key = public(story.lead).hex()
    row = IndexedEntry.objects.get(kind="approval.granted")
    for asked in (
        {"person": LEAD},
        {"key": key},
        {"key": row.key},
        {"key": row.key[:8]},
        {"kind": "approval.granted", "tool": "restart_service"},
        {"kind": "approval.granted", "workflow": "incident-P1042", "agent": row.agent},
        {"kind": "approval.granted", "from": str(2000) + "-01-01"},
    ):
        assert found(**asked) == granted, asked
    assert found(person="local:nobody") == found(key="0" * 8) == found(key="0" * 64) == []
    assert found(kind="approval.granted", to="2000-01-01") == []
    assert row.waited_ms is not None


def test_calls_are_found_by_a_value_of_their_arguments_or_a_word_of_it(story: Evidence) -> None:
    gate = [(4, "call.gated"), (5, "approval.requested"), (7, "call.allowed")]
    assert found(value="production") == found(argument="environment", value='"Production"') == gate
    assert found(argument="service", value="production") == []
    assert found(value="50") == [(2, "call.allowed")]
    assert found(value="payment-service-prod", tool="read_logs") == [(2, "call.allowed")]
    assert found(value="payment") == []


def test_a_value_of_several_words_is_found_by_all_of_them_and_as_a_whole() -> None:
    write({"message": "Restart the Payment service", "count": 2500})
    for asked in ("payment", "service restart", '"restart the payment service"', "2500"):
        assert len(found(value=asked)) == 1, asked
    for asked in ("payments", "restart billing", '"restart the payment"'):
        assert found(value=asked) == [], asked


def write(arguments: Any, *, chain: str = "tnu_wrt_1", namespace: str = "payments", detail: str = "") -> LedgerEntry:
    with transaction.atomic():
        entry = append(
            chain=chain,
            kind=EntryKind.CALL_DENIED,
            details={"tool": "send_money", "detail": detail},
            attachments={"arguments": arguments if isinstance(arguments, bytes) else cbor.encode(arguments)},
            namespace=namespace,
        )
    take()
    return entry


def test_reasons_and_titles_are_found_by_their_words() -> None:
    indexed(denied_story(**keys()))
    assert found(text="runbook FALSE") == [(4, "approval.denied")]
    assert found(text="error") == [(1, "warrant.minted")]
    assert found(text="runbook true") == found(text="run") == []


def test_words_are_the_same_in_every_spelling_of_unicode(story: Evidence) -> None:
    with transaction.atomic():
        details = {"person": LEAD, "reason": "Not during the pay-day: ask Zo\u00eb (\ufb01rst)!"}
        append(chain=story.chain, kind=EntryKind.WARRANT_REVOKED, details=details)
    take()
    for text in ("zoe\u0308", "ASK pay-day", "day", "first"):
        assert found(text=text) == [(10, "warrant.revoked")], text
    assert found(text="payday") == found(text="ask nobody") == []


def test_why_a_person_approved_is_found(story: Evidence) -> None:
    assert found(text="service is down") == [(6, "approval.granted")]


# --- Who may find what --------------------------------------------------------------------------


def test_nobody_finds_anything_of_another_namespace(story: Evidence) -> None:
    assert len(found(PAYMENTS, PAYMENTS, None)) == 9
    for asked in ({}, {"person": LEAD}, {"value": "production"}, {"text": "error"}, {"incident": "P1042"}):
        assert found(BILLING, BILLING, BILLING, **asked) == [], asked


def test_whoever_may_not_see_arguments_is_told_so_and_finds_none(story: Evidence) -> None:
    with pytest.raises(ContentIsNotYours):
        found(PAYMENTS, None, None, value="production")
    assert found(PAYMENTS, BILLING, None, value="production") == []
    assert found(ALL, BILLING, None, value="production") == []


def test_what_agents_said_is_found_only_by_whoever_may_see_content() -> None:
    write({"iban": "DE89"}, detail="the balance is negative")
    assert len(found(PAYMENTS, PAYMENTS, None, text="balance")) == 1
    for content in (None, BILLING):
        assert found(PAYMENTS, content, None, text="balance") == []


def test_the_services_own_chains_are_for_those_who_may_read_records() -> None:
    with transaction.atomic():
        append(chain="keys", kind=EntryKind.KEY_REVOKED, details={"person": LEAD, "reason": "it was lost"})
        append(chain="payloads.1", kind=EntryKind.PAYLOAD_DECODED, details={"person": LEAD}, namespace="payments")
    take()
    decoded = [(1, "payload.decoded")]
    assert found(ALL, ALL, None) == found(PAYMENTS, PAYMENTS, None) == found(PAYMENTS, None, BILLING) == []
    assert found(PAYMENTS, None, PAYMENTS) == found(BILLING, None, PAYMENTS, person=LEAD) == decoded
    assert found(text="lost") == [(1, "key.revoked")]


# --- At rest ------------------------------------------------------------------------------------


def test_no_word_of_a_reason_or_an_argument_stands_in_the_database() -> None:
    write({"iban": "DE89CANARY"}, detail="canary-in-detail")
    assert found(value="de89canary") == found(text="canary-in-detail")
    for column, content in every_column(connection).items():
        assert b"canary" not in content.lower(), column


def test_the_same_word_has_another_token_in_another_namespace() -> None:
    write({"word": "same"}, chain="tnu_wrt_1", namespace="payments")
    write({"word": "same"}, chain="tnu_wrt_2", namespace="billing")
    tokens = list(SearchTerm.objects.values_list("token", flat=True))
    assert len(tokens) == len(set(tokens)) == 4
    assert len(found(value="same")) == 2
    assert len(found(PAYMENTS, PAYMENTS, None, value="same")) == 1


def test_an_erased_argument_is_not_found_any_more() -> None:
    entry = write({"iban": "DE89"}, detail="refused")
    assert len(found(value="de89")) == 1
    erase_attachment(chain="tnu_wrt_1", sequence=entry.sequence, name="arguments")
    assert found(value="de89") == []
    assert len(found(text="refused")) == 1
    rebuild()
    assert found(value="de89") == []


def test_what_is_erased_before_it_is_indexed_never_comes_in() -> None:
    with transaction.atomic():
        append(
            chain="tnu_wrt_1",
            kind=EntryKind.CALL_GATED,
            details={},
            attachments={"arguments": cbor.encode({"iban": "DE89"})},
            namespace="payments",
        )
    erase_attachment(chain="tnu_wrt_1", sequence=1, name="arguments")
    take()
    assert not SearchTerm.objects.exists()


def test_nothing_is_known_of_a_chain_that_was_removed(story: Evidence) -> None:
    forget_chain(chain=story.chain)
    assert not SearchTerm.objects.exists()
    assert found(person=LEAD) == found(tool="restart_service") == []
    assert len(found(kind="approval.granted")) == 1


def everything() -> tuple[list[Any], list[Any]]:
    rows = IndexedEntry.objects.order_by("pk").values_list()
    return list(rows), sorted(SearchTerm.objects.values_list("entry", "token", "at_ms", "source"))


# --- Keeping up ---------------------------------------------------------------------------------


def test_the_index_takes_every_entry_once_and_in_batches(story: Evidence) -> None:
    assert waiting() == index() == 0
    write({"a": 1})
    assert IndexedEntry.objects.count() == LedgerEntry.objects.count()
    with transaction.atomic():
        append(chain=story.chain, kind=EntryKind.RUN_COMPLETED, details={"status": "again"})
    assert waiting() == 1
    assert waiting(placed_only=True) == index() == 0
    integrate()
    assert index(batch=1) == 1
    assert waiting() == 0


def test_a_rebuilt_index_finds_the_same(story: Evidence) -> None:
    indexed(denied_story(**keys(), worker_sequence=100), namespace="billing")
    before = everything()
    call_command("index_ledger", "--rebuild")
    assert everything() == before


def test_an_entry_that_does_not_open_is_counted_and_blocks_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with transaction.atomic():
        broken = append(chain="tnu_wrt_1", kind=EntryKind.CALL_GATED, details={"tool": "x"}, namespace="payments")
    LedgerEntry.objects.filter(pk=broken.pk).update(envelope=Sealed(b"\xff\x01anothing of it"))
    write({"iban": "DE89"})
    assert found(kind="call.gated") == [(1, "call.gated")]
    assert found(tool="x") == []
    assert len(found(value="de89")) == 1
    assert IndexedEntry.objects.get(entry=broken).state == IndexState.CLOSED
    assert "without what it says" in caplog.text
    call_command("index_ledger")
    assert "Of namespace 'payments', 1 entries do not open" in capsys.readouterr().out


def test_hostile_entries_are_indexed_as_far_as_they_go() -> None:
    write(b"\x00 no CBOR")
    write({"x\x00y" * 100: ["\x00", {"deep": ["\U0001f600", 1e300]}]}, detail="nul \x00 here")
    with transaction.atomic():
        append(
            chain="tnu_wrt_1",
            kind=EntryKind.APPROVAL_GRANTED,
            details={"approval": 7, "person": ["x"], "key": "y", "tool": "t" * 5000, "agent": "z", "request_id": 5},
        )
    take()
    first, second, third = IndexedEntry.objects.filter(chain="tnu_wrt_1").order_by("entry")
    assert (first.state, second.state, third.state) == (IndexState.CUT, IndexState.WHOLE, IndexState.CUT)
    assert third.tool == "t" * 200


def test_one_call_cannot_fill_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "MAXIMUM_TERMS", 10)
    entry = write({"padding": " ".join(f"word{number}" for number in range(100)), "iban": "DE89"})
    assert SearchTerm.objects.count() == 10
    assert IndexedEntry.objects.get(entry=entry).state == IndexState.CUT
    assert len(found(argument="iban", value='"DE89"')) == 1, "whole values come first"


@pytest.mark.django_db(transaction=True)
async def test_the_process_indexes_and_goes_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns, done = [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def turn() -> int:
        turns.append(1)
        if len(turns) == 1:
            raise CustodyError("The key does not open.")
        loop.call_soon_threadsafe(done.set)
        return 0

    monkeypatch.setattr(keeping, "index", turn)
    task = asyncio.create_task(keeping.keep_indexing(every=0, pause=0))
    await asyncio.wait_for(done.wait(), 10)
    task.cancel()
    assert "no search finds them" in caplog.text


def test_a_key_of_the_index_is_made_once_for_each_namespace(story: Evidence) -> None:
    write({"a": 1})
    assert sorted(SearchKey.objects.values_list("pk", flat=True)) == ["", "payments"]
