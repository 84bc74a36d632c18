"""What counts as a difference between a site and a workflow's history."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from approvals.cli.history import differences
from approvals.contracts import CallRecord
from approvals.signing.display import Display

EARLIER = CallRecord("delete_database", "denied", 5, code="tool_not_authorized", arguments_cbor="oA==")
DISPLAY = Display("IncidentWorkflow", 1, "A restart needs a person.", "It leaks.", (EARLIER,))
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
    "history": [dataclasses.asdict(EARLIER)],
    "display_digest": DISPLAY.digest.hex(),
    "policy_version": "incident-response@2",
}
SIGNING = {name: value for name, value in HISTORY.items() if name not in ("gate_message", "reasoning", "history")}


def test_an_honest_site_differs_in_nothing() -> None:
    assert differences({**SIGNING, "state": "open"}, DISPLAY, HISTORY) == []


@pytest.mark.parametrize("field", sorted(SIGNING))
def test_each_field_that_is_signed_is_compared(field: str) -> None:
    value = SIGNING[field]
    lie = value + 1 if isinstance(value, int) else value[:-1]
    (difference,) = differences({**SIGNING, field: lie}, DISPLAY, HISTORY)
    assert difference.field == field
    without = {name: value for name, value in SIGNING.items() if name != field}
    assert [difference.field for difference in differences(without, DISPLAY, HISTORY)] == [field]


@pytest.mark.parametrize(
    "lie", [{"reasoning": "It leaks. Really."}, {"gate_message": ""}, {"history": ()}], ids=lambda lie: next(iter(lie))
)
def test_what_is_shown_is_compared_too(lie: dict[str, Any]) -> None:
    (difference,) = differences(SIGNING, dataclasses.replace(DISPLAY, **lie), HISTORY)
    assert difference.field == next(iter(lie))


@pytest.mark.parametrize(
    "change",
    [{"verdict": "allowed"}, {"tool": "read_logs"}, {"code": ""}, {"arguments_cbor": ""}, {"at_ms": 6}],
    ids=lambda change: next(iter(change)),
)
def test_an_earlier_call_that_is_told_otherwise_is_a_difference(change: dict[str, Any]) -> None:
    shown = dataclasses.replace(DISPLAY, history=(dataclasses.replace(EARLIER, **change),))
    assert [difference.field for difference in differences(SIGNING, shown, HISTORY)] == ["history"]


def test_less_time_than_the_workflow_asked_for_is_no_difference() -> None:
    assert differences({**SIGNING, "expires_at": 900}, DISPLAY, HISTORY) == []


@pytest.mark.parametrize("signing", [{}, None, []])
def test_a_site_that_says_nothing_differs_in_everything(signing: Any) -> None:
    assert len(differences(signing, None, HISTORY)) == len(HISTORY)
