"""The lines of an evidence bundle, what they say, and the roots over what they hold."""

from __future__ import annotations

import json
import random

import pytest

from audit.statements import evidence
from audit.statements.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of
from audit.statements.population import Population, Totals, month_of
from audit.statements.statements import Envelope

AT = 1_795_680_001_123


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({}, "2026-11-26T08:00:01.123Z  call.allowed"),
        ({"tool": "", "person": "", "reason": ""}, "2026-11-26T08:00:01.123Z  call.allowed"),
        ({"tool": 7, "person": b"lena", "reason": None}, "2026-11-26T08:00:01.123Z  call.allowed"),
        ({"person": "lena", "tool": "restart"}, "2026-11-26T08:00:01.123Z  call.allowed  restart  lena"),
        ({"reason": 'a "b"\n\x7fü'}, '2026-11-26T08:00:01.123Z  call.allowed  "a \\"b\\"\\n\\u007f\\u00fc"'),
    ],
)
def test_an_entry_says_when_what_who_and_why(details: dict[str, object], said: str) -> None:
    assert evidence.says("call.allowed", AT, details) == said


def test_times_have_three_digits_of_milliseconds_and_end_with_the_year_9999() -> None:
    assert evidence.says("x", 7, {}).startswith("1970-01-01T00:00:00.007Z")
    assert evidence.says("x", 253402300799999, {}).startswith("9999-12-31T23:59:59.999Z")
    for late in (253402300800000, 2**53 - 1):
        with pytest.raises(ValueError, match="9999"):
            evidence.says("x", late, {})


def test_a_line_has_the_fields_of_its_type_in_one_form() -> None:
    log = evidence.Located("site/ledger", 3, [bytes(32)], "note")
    facts = {"kind": "k", "sequence": 1, "at": AT, "details": {}}
    envelope, attachments = Envelope(b"s", bytes(32), bytes(64), facts), {"a": None, "b": (b"salt", b"content")}
    totals = Population().totals()
    lines = {
        evidence.BUNDLE: evidence.bundle_line(evidence.about_chain("keys", endorsements=[b"e"])),
        evidence.ENTRY: evidence.entry_line(envelope, attachments=attachments, match=True),
        evidence.END: evidence.end_line(envelope, log),
        evidence.RECORD: evidence.record_line(envelope, attachments=attachments, log=log),
        evidence.CLOSE: evidence.close_line(
            chains=1, entries=2, records=3, totals=totals, earlier=[evidence.Earlier("a", "b", [])]
        ),
    }
    for kind, line in lines.items():
        value = json.loads(line)
        assert (value["format"], value["line"]) == (evidence.FORMAT, kind)
        assert set(value) == evidence.LINE_FIELDS[kind]
        assert evidence.json_line(value) == line


def test_a_population_is_ordered_by_time_chain_and_number_however_it_was_counted() -> None:
    november = [(AT, "b", 1), (AT, "b", 2), (AT, "b-", 1), (AT + 1, "a", 10)]
    december = [(AT + 10**9, "a", 11)]
    ordered = [(*place, bytes([number]) * 32) for number, place in enumerate(november + december)]
    shuffled = list(ordered)
    random.Random(1).shuffle(shuffled)
    population = Population()
    for at_ms, chain, sequence, entry_hash in shuffled:
        population.add(at_ms=at_ms, chain=chain, sequence=sequence, entry_hash=entry_hash)
    totals = population.totals()
    leaves = [leaf_hash(entry_hash) for *_, entry_hash in ordered]
    assert totals.root == root_of(leaves)
    assert [(period.month, period.count, period.root) for period in totals.periods] == [
        ("2026-11", 4, root_of(leaves[:4])),
        ("2026-12", 1, leaves[4]),
    ]
    assert totals.root == node_hash(root_of(leaves[:4]), leaves[4])


def test_of_nothing_there_is_a_root_and_no_month() -> None:
    assert Population().totals() == Totals(0, (), EMPTY_ROOT)


def test_a_month_is_one_of_utc() -> None:
    assert [month_of(at_ms) for at_ms in (1_793_491_199_999, 1_793_491_200_000)] == ["2026-10", "2026-11"]
