"""A call reaches its gate: what is kept, and everything hostile that is refused."""

from __future__ import annotations

import base64
import dataclasses
import time
from typing import Any

import cbor2
import pytest
import tenuo_core
from django.conf import settings

from approvals import errors
from approvals.contracts import CallRecord, RequestState
from approvals.models import ApprovalRequest
from approvals.requests import services
from approvals.requests.shown import display_of
from approvals.signing.display import digest_of, read
from audit.models import Attachment, LedgerEntry
from audit.statements import cbor, statements
from audit.statements.acting import EXTENSION as ACTING
from audit.statements.acting import Acting
from audit.statements.kinds import EntryKind
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver, base64_text

pytestmark = pytest.mark.django_db


def _call(number: int, verdict: str = "allowed", **changes: Any) -> CallRecord:
    return CallRecord(tool=f"tool_{number}", verdict=verdict, at_ms=1_760_000_000_000 + number, **changes)


def test_a_gated_call_becomes_a_request_with_a_ledger_entry(ada: Approver) -> None:
    minted = factories.mint(ada)
    opened = services.open(gate_request=factories.gate_request(minted))
    stored = ApprovalRequest.objects.get(pk=opened.pk)
    assert stored.state == RequestState.OPEN
    assert stored.target == "payment-service-prod"
    assert stored.threshold == 1
    assert [bytes(row.public_key) for row in stored.required_approvers.all()] == [ada.public_key]
    entry = LedgerEntry.objects.get(chain=minted.leaf.id)
    facts = statements.parse(bytes(entry.envelope)).facts
    assert (entry.kind, facts["details"]["request_id"]) == (EntryKind.APPROVAL_REQUESTED, opened.pk)
    assert facts["details"]["request_hash"] == bytes(stored.request_hash)
    attached = Attachment.objects.get(entry=entry, name="arguments")
    assert cbor.decode(bytes(attached.content or b"")) == factories.ARGUMENTS


def test_opening_twice_returns_the_same_request_and_writes_once(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada))
    first, second = services.open(gate_request=sent), services.open(gate_request=sent)
    assert first.pk == second.pk
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_REQUESTED).count() == 1


def test_an_id_that_was_used_for_another_call_is_refused(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada))
    services.open(gate_request=sent)
    with pytest.raises(errors.RequestConflict):
        services.open(gate_request=dataclasses.replace(sent, reasoning="Something else."))


def test_an_open_request_is_found_again_after_its_time(ada: Approver, settings: Any) -> None:
    sent = factories.gate_request(factories.mint(ada))
    opened = services.open(gate_request=sent)
    ApprovalRequest.objects.update(opened_at="2020-01-01T00:00Z", expires_at="2020-01-02T00:00Z")
    assert services.open(gate_request=sent).pk == opened.pk


def test_a_request_waits_no_longer_than_the_service_allows(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada), expires_at=int(time.time()) + 10 * 365 * 86400)
    opened = services.open(gate_request=sent)
    lifetime = (opened.expires_at - opened.opened_at).total_seconds()
    assert lifetime <= settings.REQUEST_LIFETIME_SECONDS


def test_a_request_waits_no_longer_than_its_warrant_lives(ada: Approver) -> None:
    minted = factories.mint(ada, ttl_seconds=120)
    opened = services.open(gate_request=factories.gate_request(minted))
    assert (opened.expires_at - opened.opened_at).total_seconds() <= 120


@pytest.mark.parametrize("expires_at", [0, -1, -(2**70)])
def test_a_request_that_is_over_already_is_refused(ada: Approver, expires_at: int) -> None:
    with pytest.raises(errors.RequestExpired):
        services.open(gate_request=factories.gate_request(factories.mint(ada), expires_at=expires_at))


def test_an_absurd_expiry_is_capped(ada: Approver) -> None:
    opened = services.open(gate_request=factories.gate_request(factories.mint(ada), expires_at=2**200))
    assert opened.expires_at > opened.opened_at


# --- Warrants -------------------------------------------------------------------------------


def test_a_warrant_of_an_unknown_issuer_is_refused(ada: Approver) -> None:
    factories.mint(ada)
    with pytest.raises(errors.UntrustedWarrant) as refused:
        services.open(gate_request=factories.gate_request(factories.mint(ada, trusted=False)))
    assert refused.value.field == "warrant_chain"


def test_an_expired_warrant_is_refused(ada: Approver, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = factories.gate_request(factories.mint(ada, ttl_seconds=1))
    with pytest.raises((errors.UntrustedWarrant, errors.RequestExpired)):
        services.open(gate_request=dataclasses.replace(sent, expires_at=int(time.time())))


@pytest.mark.parametrize(
    "chain",
    [[], ["!!!"], ["AAAA"], [""], ["AAAA" * 30_000], ["x" * 10] * 9],
    ids=["empty", "no_base64", "no_warrant", "empty_warrant", "huge", "too_long"],
)
def test_a_chain_that_cannot_be_read_is_refused(ada: Approver, chain: list[str]) -> None:
    with pytest.raises(errors.ApprovalError) as refused:
        services.open(gate_request=factories.gate_request(factories.mint(ada), warrant_chain=chain))
    assert refused.value.field == "warrant_chain"


def test_bytes_after_a_warrant_are_refused(ada: Approver) -> None:
    minted = factories.mint(ada)
    with pytest.raises(errors.MalformedInput):
        services.open(
            gate_request=factories.gate_request(minted, warrant_chain=[base64_text(minted.chain[0] + b"\x00")])
        )


def test_a_changed_byte_of_the_warrant_is_refused(ada: Approver) -> None:
    minted = factories.mint(ada)
    changed = bytearray(minted.chain[0])
    changed[-1] ^= 1
    with pytest.raises(errors.ApprovalError) as refused:
        services.open(gate_request=factories.gate_request(minted, warrant_chain=[base64_text(bytes(changed))]))
    assert refused.value.field == "warrant_chain"


def test_a_call_that_needs_no_approval_opens_nothing(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada), tool="read_logs", arguments={"service": "x"})
    with pytest.raises(errors.ApprovalNotNeeded):
        services.open(gate_request=sent)


def test_a_call_that_the_warrant_forbids_opens_nothing(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada), tool="delete_database", arguments={"service": "x"})
    with pytest.raises(errors.ApprovalNotNeeded):
        services.open(gate_request=sent)
    assert not ApprovalRequest.objects.exists()


def test_the_agent_and_the_issuer_are_no_approvers(db: None) -> None:
    issuer, holder = tenuo_core.SigningKey.generate(), tenuo_core.SigningKey.generate()
    for key in (issuer, holder):
        minted = factories.mint(key.public_key_bytes(), issuer=issuer, holder=holder)
        with pytest.raises(errors.NobodyCanApprove):
            services.open(gate_request=factories.gate_request(minted))


# --- Hashes and arguments -------------------------------------------------------------------


def test_another_calls_hash_is_refused(ada: Approver) -> None:
    minted = factories.mint(ada)
    other = factories.gate_request(minted, arguments={**factories.ARGUMENTS, "service": "other"})
    with pytest.raises(errors.HashMismatch):
        services.open(gate_request=factories.gate_request(minted, request_hash=other.request_hash))


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 32, "é" * 64])
def test_a_hash_that_is_none_is_refused(ada: Approver, text: str) -> None:
    with pytest.raises(errors.HashMismatch):
        services.open(gate_request=factories.gate_request(factories.mint(ada), request_hash=text))


def _deep(levels: int) -> bytes:
    return b"\xa1\x61x" + b"\x81" * levels + b"\x01"


HOSTILE_ARGUMENTS = {
    "empty": b"",
    "not_a_map": cbor2.dumps([1, 2]),
    "truncated": b"\xa1\x67servi",
    "trailing": cbor2.dumps({"a": 1}) + b"\x00",
    "duplicate_keys": b"\xa2\x61a\x01\x61a\x02",
    "unsorted_keys": b"\xa2\x61b\x01\x61a\x02",
    "indefinite": b"\xbf\x61a\x01\xff",
    "long_integer": b"\xa1\x61a\x18\x01",
    "not_a_number": b"\xa1\x61a\xf9\x7e\x00",
    "infinity": b"\xa1\x61a\xf9\x7c\x00",
    "beyond_64_bits": b"\xa1\x61a\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    "bignum": cbor2.dumps({"a": 2**100}),
    "tag": cbor2.dumps({"a": cbor2.CBORTag(99, 1)}),
    "integer_keys": cbor2.dumps({1: 2}),
    "broken_text": b"\xa1\x61a\x62\xff\xfe",
    "thousand_levels": _deep(1000),
    "forty_levels": _deep(40),
    "hundred_thousand_levels": _deep(100_000),
    "ten_megabytes": cbor2.dumps({"a": "x" * 10_000_000}),
    "huge_length": b"\xa1\x61a\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", HOSTILE_ARGUMENTS)
def test_hostile_arguments_are_refused_by_name(ada: Approver, name: str) -> None:
    sent = factories.gate_request(factories.mint(ada), arguments_cbor=base64_text(HOSTILE_ARGUMENTS[name]))
    with pytest.raises(errors.ApprovalError) as refused:
        services.open(gate_request=sent)
    assert refused.value.field == "arguments_cbor"


@pytest.mark.parametrize("text", ["!", "AAA", "AAAA=", "A\x00AA", "é"])
def test_arguments_that_are_no_base64_are_refused(ada: Approver, text: str) -> None:
    with pytest.raises(errors.MalformedInput):
        services.open(gate_request=factories.gate_request(factories.mint(ada), arguments_cbor=text))


# --- Texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": ""},
        {"request_id": "short"},
        {"request_id": "../../etc/passwd"},
        {"request_id": "x" * 65},
        {"request_id": "line\nfeed-line"},
        {"request_id": "nul\x00nul-nul"},
        {"namespace": ""},
        {"namespace": "n" * 256},
        {"workflow_id": "nul\x00"},
        {"workflow_id": "w" * 1001},
        {"run_id": "\u202erun"},
        {"run_id": "\ud800"},
        {"workflow_type": ""},
        {"tool": "tool\x1b[31m"},
        {"tool": "t" * 201},
        {"tool": None},
        {"reasoning": 5},
        {"history": None},
        {"history": ["text"]},
        {"warrant_chain": [b"bytes"]},
        {"warrant_chain": "text"},
        {"expires_at": 1.5},
        {"expires_at": True},
        {"opened_at_ms": "now"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_identifiers_are_checked_before_anything_is_written(ada: Approver, changes: dict[str, Any]) -> None:
    with pytest.raises(errors.MalformedInput) as refused:
        services.open(gate_request=dataclasses.replace(factories.gate_request(factories.mint(ada)), **changes))
    assert refused.value.field == next(iter(changes))
    assert not LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_REQUESTED).exists()


def test_a_long_reasoning_is_cut_with_a_mark_by_the_gate_and_kept_so(ada: Approver) -> None:
    opened = services.open(gate_request=factories.gate_request(factories.mint(ada), reasoning="x" * 10_000_000))
    assert opened.reasoning.endswith("(cut here: 9980060 more characters)")
    assert len(opened.reasoning) <= 20_000


LONG_ARGUMENTS = base64.b64encode(bytes(100_000)).decode()
UNFIT: dict[str, dict[str, Any]] = {
    "a long reasoning": {"reasoning": "x" * 20_001},
    "a very long reasoning": {"reasoning": "x" * 10_000_000},
    "a long message": {"gate_message": "x" * 2_001},
    "a NUL": {"reasoning": "a\x00b"},
    "half a character": {"gate_message": "\ud800"},
    "a long history": {"history": [_call(number) for number in range(101)]},
    "a heavy history": {"history": [_call(number, detail="🚨" * 1000, code="🚨" * 200) for number in range(100)]},
    "a long detail": {"history": [_call(1, detail="x" * 1001)]},
    "a NUL in an earlier call": {"history": [_call(1, code="\x00")]},
    "long arguments": {"history": [_call(1, arguments_cbor=LONG_ARGUMENTS)]},
    "base64 in another form": {"history": [_call(1, arguments_cbor="oB==")]},
}


@pytest.mark.parametrize("fault", UNFIT)
def test_what_cannot_be_kept_exactly_as_it_was_hashed_is_refused_by_name(ada: Approver, fault: str) -> None:
    sent = dataclasses.replace(factories.gate_request(factories.mint(ada)), **UNFIT[fault])
    with pytest.raises(errors.MalformedInput) as refused:
        services.open(gate_request=sent)
    (field,) = UNFIT[fault]
    assert refused.value.field == field
    assert not ApprovalRequest.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"reasoning": "Other words."}, {"gate_message": ""}, {"history": [_call(1)]}, {"display_digest": "00" * 32}],
    ids=lambda changes: str(next(iter(changes))),
)
def test_a_display_digest_of_something_else_is_refused(ada: Approver, changes: dict[str, Any]) -> None:
    sent = dataclasses.replace(factories.gate_request(factories.mint(ada)), **changes)
    with pytest.raises(errors.HashMismatch) as refused:
        services.open(gate_request=sent)
    assert refused.value.field == "display_digest"


def test_what_is_shown_is_attached_to_the_ledger_as_it_was_hashed(ada: Approver) -> None:
    history = [_call(1, "denied", code="tool_not_authorized", detail="no", arguments_cbor="oA==")]
    sent = factories.gate_request(factories.mint(ada, terms=Terms("incident-response", 2)), history=history)
    opened = services.open(gate_request=sent)
    entry = LedgerEntry.objects.get(kind=EntryKind.APPROVAL_REQUESTED)
    details = statements.parse(bytes(entry.envelope)).facts["details"]
    shown = bytes(Attachment.objects.get(entry=entry, name="display").content or b"")
    assert details["display_digest"].hex() == sent.display_digest == digest_of(shown).hex()
    assert details["policy_version"] == sent.policy_version == "incident-response@2"
    assert read(shown) == display_of(opened)
    assert read(shown).history == tuple(history)


@pytest.mark.parametrize("version", ["", "incident-response@1", "incident-response@3"])
def test_another_policy_version_than_the_warrants_is_refused(ada: Approver, version: str) -> None:
    minted = factories.mint(ada, terms=Terms("incident-response", 2))
    with pytest.raises(errors.MalformedInput) as refused:
        services.open(gate_request=factories.gate_request(minted, policy_version=version))
    assert refused.value.field == "policy_version"


def test_for_whom_the_agent_works_is_kept_as_the_warrant_says(ada: Approver) -> None:
    acting = Acting("incident-agent", "local:grace")
    opened = factories.open_request(ada, extensions={ACTING: acting.to_bytes()})
    assert ApprovalRequest.objects.get(pk=opened.pk).acting_for == "local:grace"
    assert factories.open_request(ada).acting_for == ""


def test_a_warrant_that_says_it_in_another_form_is_refused(ada: Approver) -> None:
    minted = factories.mint(ada, extensions={ACTING: cbor.encode({"agent": "", "person": "local:grace"})})
    with pytest.raises(errors.MalformedInput) as refused:
        services.open(gate_request=factories.gate_request(minted))
    assert refused.value.field == "warrant_chain"


def test_a_reasoning_with_control_characters_is_stored(ada: Approver) -> None:
    opened = services.open(
        gate_request=factories.gate_request(factories.mint(ada), reasoning="a\x00b\ud800c\u202ed<script>")
    )
    assert ApprovalRequest.objects.get(pk=opened.pk).reasoning == "a\u2400b\ufffdc\u202ed<script>"


def test_denied_calls_are_the_last_to_leave_a_long_history(ada: Approver) -> None:
    history = [_call(0, "denied", code="tool_not_authorized")] + [_call(number) for number in range(1, 500)]
    opened = services.open(gate_request=factories.gate_request(factories.mint(ada), history=history))
    assert len(opened.history) == 100
    assert opened.history[0]["tool"] == "tool_0"
    assert opened.history[-1]["tool"] == "tool_499"
    assert opened.earlier_denials == 1


@pytest.mark.parametrize(
    "line",
    [
        _call(1, "maybe"),
        CallRecord(tool="x", verdict="allowed", at_ms=2**80),
        CallRecord(tool="x", verdict="allowed", at_ms=-1),
        CallRecord(tool=None, verdict="allowed", at_ms=1),  # type: ignore[arg-type]
        CallRecord(tool=["x"], verdict=["y"], at_ms=1),  # type: ignore[arg-type]
        _call(1, arguments_cbor="%%%"),
    ],
    ids=["verdict", "late", "early", "no_tool", "lists", "arguments"],
)
def test_a_history_line_that_makes_no_sense_is_refused(ada: Approver, line: CallRecord) -> None:
    with pytest.raises(errors.MalformedInput) as refused:
        services.open(gate_request=dataclasses.replace(factories.gate_request(factories.mint(ada)), history=[line]))
    assert refused.value.field == "history"


def test_large_arguments_of_an_earlier_call_are_left_out(ada: Approver) -> None:
    line = _call(1, arguments_cbor=LONG_ARGUMENTS)
    opened = services.open(gate_request=factories.gate_request(factories.mint(ada), history=[line]))
    assert opened.history[0]["arguments_cbor"] == ""
