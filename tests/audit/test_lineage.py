"""What a child warrant lost of its parent, read from the bytes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit.statements.lineage import Loss, Narrowed, lineage_of
from tests.audit.evidence import public
from tests.vectors.evidence_story import Story, key, logs_alone

GATE = "tenuo.approval_gates"


def lost(change: Callable[[dict[int, Any]], object]) -> Loss:
    """Return what a child lost whose payload ``change`` changed; it ends a minute sooner in any case."""
    story = Story()
    story.handed_on(change, key(29))
    first, second = lineage_of(story.warrant_chain)
    assert first.lost is None
    assert second.lost is not None
    return second.lost


def test_each_warrant_says_who_gave_it_to_whom() -> None:
    story = Story()
    holder = public(story.holder)
    story.handed_on(logs_alone, key(29))
    story.number += 1
    story.handed_on(lambda payload: payload.update({8: 2}), key(30))
    root, child, grandchild = lineage_of(story.warrant_chain)
    assert [(link.issuer, link.holder) for link in (root, child, grandchild)] == [
        (public(story.root), holder), (holder, public(key(29))), (public(key(29)), public(key(30))),
    ]  # fmt: skip
    assert (root.id, child.tools) == (story.chain, ("read_logs",))
    assert [link.may_hand_on for link in (root, child, grandchild)] == [True, True, False]
    assert grandchild.lost is not None
    assert grandchild.lost.ends_here


def test_tools_that_are_gone_and_arguments_that_may_be_less_are_told_in_words() -> None:
    found = lost(logs_alone)
    assert found.tools == ("nexus:payments:payments:start-payment", "restart_service")
    assert found.narrowed == (Narrowed("read_logs", "lines", "anything", "at most 100"),)
    assert (found.seconds, found.gated, found.more_people, found.ends_here) == (60, (), False, False)


def test_a_rule_for_an_argument_that_had_none_is_narrower() -> None:
    def bound(payload: dict[int, Any]) -> None:
        payload[3]["read_logs"]["constraints"]["level"] = [1, {"value": "error"}]

    assert lost(bound).narrowed == (Narrowed("read_logs", "level", "anything", 'exactly "error"'),)


def test_more_gates_and_more_people_are_told() -> None:
    def stricter(payload: dict[int, Any]) -> None:
        payload[10] = {GATE: list(b"\xa2\x69read_logs\xa1\x64args\xf6\x6frestart_service\xa1\x64args\xf6")}
        payload[16] = 2

    found = lost(stricter)
    assert found.gated == ("read_logs", "restart_service")
    assert found.more_people


def test_nothing_lost_is_nothing() -> None:
    assert not lost(lambda payload: payload.update({7: payload[7] + 60}))


@pytest.mark.parametrize("chain", [[], [b"no warrant"], [b""]])
def test_what_cannot_be_read_is_refused(chain: list[bytes]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        lineage_of(chain)
