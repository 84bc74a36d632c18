"""A search is parameters of an address: each is read strictly, and named when it is wrong."""

from __future__ import annotations

import pytest

from audit.search.contracts import Search
from audit.search.errors import MalformedSearch
from audit.search.words import leaves, whole, words, words_and_parts
from audit.statements.kinds import EntryKind

DAY = 86_400_000
FIRST = 1_793_491_200_000  # 1 November 2026


def test_a_search_is_its_parameters_and_back() -> None:
    given = {
        "agent": "incident-agent",
        "argument": "service",
        "from": "2026-11-01",
        "incident": "P1042",
        "key": "ABCDEF0123…",
        "kind": "approval.granted, approval.denied",
        "namespace": "payments",
        "person": " local:ada ",
        "text": "looks right",
        "to": "2026-11-30",
        "tool": "restart_service",
        "value": '"payment-service-prod"',
        "workflow": "incident-P1042",
        "before": "anything",
    }
    search = Search.from_parameters(given)
    assert (search.since_ms, search.before_ms) == (FIRST, FIRST + 30 * DAY)
    assert search.kinds == (EntryKind.APPROVAL_DENIED, EntryKind.APPROVAL_GRANTED)
    canonical = search.to_parameters()
    assert canonical == {
        **{name: value for name, value in given.items() if name != "before"},
        "key": "abcdef0123",
        "kind": "approval.denied,approval.granted",
        "person": "local:ada",
    }
    assert list(canonical) == sorted(canonical)
    assert Search.from_parameters(canonical) == search


def test_an_empty_search_asks_for_nothing() -> None:
    assert not Search.from_parameters({"person": " ", "page": "2"})


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"person": "x" * 201}, "person"),
        ({"tool": "a\x00b"}, "tool"),
        ({"text": "a\u202eb"}, "text"),
        ({"key": "abcdef"}, "key"),
        ({"key": "local:ada"}, "key"),
        ({"kind": "approval.granted,approval.maybe"}, "kind"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "1969-12-30"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "0001-01-01T00:00+23:00"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"argument": "service"}, "value"),
        ({"value": "..."}, "value"),
        ({"value": '" "'}, "value"),
        ({"text": "“”"}, "text"),
    ],
)
def test_what_cannot_be_asked_names_its_field(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(MalformedSearch) as refused:
        Search.from_parameters(parameters)
    assert refused.value.field == field
    assert refused.value.sentence.endswith(".")


def test_one_day_is_from_and_to_the_same_day() -> None:
    search = Search.from_parameters({"from": "2026-11-01", "to": "2026-11-01"})
    assert (search.since_ms, search.before_ms) == (FIRST, FIRST + DAY)


def test_moments_are_utc_unless_they_say_otherwise() -> None:
    assert Search(since_ms=FIRST + 1, before_ms=FIRST + 2).to_parameters() == {
        "from": "2026-11-01T00:00:00.001Z",
        "to": "2026-11-01T00:00:00.002Z",
    }
    for moment in ("2026-11-01T00:00", "2026-11-01T00:00Z", "2026-11-01T01:00+01:00"):
        assert Search.from_parameters({"from": moment}).since_ms == FIRST


def test_words_stand_between_spaces_and_their_parts_count_in_reasons() -> None:
    text = "The payment-service is “DOWN”, see /var/log (ﬁrst)."
    assert list(words(text)) == ["the", "payment-service", "is", "down", "see", "/var/log", "first"]
    assert set(words_and_parts("payment-service")) == {"payment-service", "payment", "service"}
    assert whole("  Two   WORDS ") == "two words"
    assert list(words("… ?! -")) == ["-"]


def test_every_single_value_of_an_argument_counts() -> None:
    value = {"a": ["x", {"b": 2}], "c": True, "d": None, "e": b"\x01\xff", "f": 1.5}
    assert list(leaves(value)) == ["x", "2", "true", "null", "01ff", "1.5"]
