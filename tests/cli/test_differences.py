"""What counts as a difference between a site and a workflow's history."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from approvals.cli.history import differences

HISTORY: dict[str, Any] = {
    "request_id": "apr_0123456789",
    "namespace": "default",
    "workflow_id": "incident-P1",
    "run_id": "run",
    "tool": "restart_service",
    "request_hash": "00" * 32,
    "arguments_cbor": "oA==",
    "warrant_chain": ["AA==", "AQ=="],
    "expires_at": 1000,
    "gate_message": "A restart needs a person.",
    "reasoning": "It leaks.",
    "history": [["delete_database", "denied", "tool_not_authorized", [["name", '"payments"']]]],
}


def page() -> dict[str, Any]:
    told = {"gate_message", "reasoning", "history"}
    (tool, verdict, code, arguments) = HISTORY["history"][0]
    return copy.deepcopy(
        {
            "signing": {**{name: value for name, value in HISTORY.items() if name not in told}, "state": "open"},
            "gate_message": HISTORY["gate_message"],
            "reasoning": HISTORY["reasoning"],
            "history": [{"tool": tool, "verdict": verdict, "code": code, "detail": "", "arguments": arguments}],
        }
    )


def test_an_honest_site_differs_in_nothing() -> None:
    assert differences(page(), HISTORY) == []


@pytest.mark.parametrize("field", sorted(page()["signing"].keys() - {"state"}))
def test_each_field_that_is_signed_is_compared(field: str) -> None:
    said = page()
    value = said["signing"][field]
    said["signing"][field] = value + 1 if isinstance(value, int) else value[:-1]
    (difference,) = differences(said, HISTORY)
    assert difference.field == field
    del said["signing"][field]
    assert [difference.field for difference in differences(said, HISTORY)] == [field]


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "reasoning": lambda said: said.update(reasoning="It leaks. Really."),
    "gate_message": lambda said: said.pop("gate_message"),
    "history": lambda said: said["history"].clear(),
}


@pytest.mark.parametrize("field", LIES)
def test_what_no_hash_covers_is_compared_too(field: str) -> None:
    said = page()
    LIES[field](said)
    assert [difference.field for difference in differences(said, HISTORY)] == [field]


@pytest.mark.parametrize("change", [{"verdict": "allowed"}, {"tool": "read_logs"}, {"code": ""}, {"arguments": []}])
def test_an_earlier_call_that_is_told_otherwise_is_a_difference(change: dict[str, Any]) -> None:
    said = page()
    said["history"][0].update(change)
    assert [difference.field for difference in differences(said, HISTORY)] == ["history"]


def test_less_time_than_the_workflow_asked_for_is_no_difference() -> None:
    said = page()
    said["signing"]["expires_at"] = 900
    assert differences(said, HISTORY) == []


@pytest.mark.parametrize("said", [{}, {"signing": None}, {"signing": [], "history": 7}])
def test_a_site_that_says_nothing_differs_in_everything(said: dict[str, Any]) -> None:
    assert len(differences(said, HISTORY)) == len(HISTORY)
