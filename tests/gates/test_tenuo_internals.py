"""The private names of Tenuo that the gate stands on are where it expects them."""

from __future__ import annotations

import tenuo
from tenuo.temporal import tenuo_headers

from tests.gates.conftest import CAPABILITIES, GATES
from tests.gates.people import Keys
from workers.gates import tenuo_internals


def test_the_version_is_the_one_that_was_examined() -> None:
    assert tenuo.__version__ == "0.3.3"


def test_a_chain_is_read_from_headers_root_first() -> None:
    keys = Keys()
    warrant = keys.warrant(CAPABILITIES, GATES)
    headers = tenuo_headers(warrant, "agent")
    assert [found.id for found in tenuo_internals.warrant_chain(headers)] == [warrant.id]
    assert tenuo_internals.warrant_chain({}) == []


def test_own_activities_carry_no_warrant() -> None:
    run = {"x-tenuo-warrant": b"bytes"}
    assert tenuo_internals.headers_of_next_activity(run) == run
    with tenuo_internals.without_warrant():
        assert tenuo_internals.headers_of_next_activity(run) == {}
    assert tenuo_internals.headers_of_next_activity(run) == run


def test_decision_codes_are_tenuos() -> None:
    assert tenuo_internals.decision_code("approval_required") == "approval-required"
    assert tenuo_internals.decision_code(None) == "authorization-failed"
