"""Replaying what was called against a version that is not in force yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.roles.queries import NOWHERE, Reach
from audit.access import Everywhere
from audit.models import Attachment
from tests.simulation.calling import ALLOWED, DENIED, GATED, record
from tests.warrants.conftest import INCIDENT, approver_key
from warrants.agents.services import ensure_agent
from warrants.minting.services import mint
from warrants.policies.release import shipped_text
from warrants.policies.rules import Policy, parse_policy
from warrants.simulation.contracts import Outcome
from warrants.simulation.replaying import Replay, replay

RESTART = "restart_service"
SERVICE = {"service": INCIDENT.service}
STAGING, PRODUCTION = ({**SERVICE, "environment": name} for name in ("staging", "production"))
LOGS = {**SERVICE, "minutes": 30}


@pytest.fixture
def chain(db: None) -> str:
    return mint(
        policy="incident-response",
        incident=INCIDENT,
        agent=ensure_agent(name="incident-agent"),
        approvers=[approver_key("ada")],
    ).id


def draft(*changes: tuple[str, str]) -> Policy:
    """Return the release's policy after ``changes`` of its text."""
    text = shipped_text("incident-response")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return parse_policy(text)


def replayed(policy: Policy, **options: Any) -> Replay:
    return replay(policy, **{"days": 14, "within": Everywhere(), "content": Everywhere(), **options})


def test_the_version_in_force_decides_as_it_decided(chain: str) -> None:
    record(ALLOWED, chain, "read_logs", LOGS)
    record(ALLOWED, chain, RESTART, STAGING)
    record(GATED, chain, RESTART, PRODUCTION, code="approval_required")
    record(DENIED, chain, "drop_table", {"name": "x"}, code="tool_not_allowed")
    record(DENIED, chain, RESTART, {**SERVICE, "environment": "prod"}, code="constraint_violation")
    found = replayed(draft())
    assert (found.changed, found.compared, found.sentence) == (
        0,
        5,
        "It would have decided all 5 as they were decided.",
    )


def test_a_draft_gates_ungates_and_refuses_other_calls(chain: str) -> None:
    record(ALLOWED, chain, RESTART, STAGING)
    record(ALLOWED, chain, RESTART, {**SERVICE, "environment": "dev"})
    record(GATED, chain, RESTART, PRODUCTION, code="approval_required")
    record(ALLOWED, chain, "read_logs", {**LOGS, "minutes": 600})
    found = replayed(
        draft(
            ("unless:\n        environment: {one_of: [staging, dev]}", "when:\n        environment: {exact: staging}"),
            ("max: 1440", "max: 60"),
        )
    )
    changed = {(change.tool, change.was, change.would_be) for change in found.changes}
    assert changed == {
        (RESTART, Outcome.ALLOWED, Outcome.GATED),
        (RESTART, Outcome.GATED, Outcome.ALLOWED),
        ("read_logs", Outcome.ALLOWED, Outcome.DENIED),
    }
    assert found.sentence == "It would have gated 1 that ran unasked, un-gated 1 and refused 1 that ran unasked, of 4."
    assert found.changes[0].arguments == {**LOGS, "minutes": 600}  # the newest first
    assert found.changes[0].incident == INCIDENT.id


def test_one_call_counts_once(chain: str) -> None:
    record(GATED, chain, RESTART, PRODUCTION, code="approval_required")
    record(GATED, chain, RESTART, PRODUCTION, code="insufficient_approvals", approvals=[b"one"])
    record(ALLOWED, chain, RESTART, PRODUCTION, approvals=[b"one", b"two"])
    record(ALLOWED, chain, RESTART, PRODUCTION, approvals=[b"one", b"two"], attempt=2)
    record(ALLOWED, chain, RESTART, STAGING)
    record(ALLOWED, chain, RESTART, STAGING, attempt=2)
    found = replayed(draft())
    assert (found.compared, found.repeated, found.changed) == (2, 4, 0)


def test_refusals_that_no_policy_decides_are_left_out(chain: str) -> None:
    record(DENIED, chain, RESTART, STAGING, code="invalid_pop")
    record(DENIED, chain, RESTART, STAGING, code="expired")
    record(DENIED, chain, RESTART, PRODUCTION, code="APPROVAL_REPLAYED")
    found = replayed(draft())
    assert (found.elsewhere, found.compared, found.sentence) == (3, 0, "There is nothing to compare.")


def test_what_was_erased_could_not_be_looked_at(chain: str) -> None:
    erased, kept = (record(ALLOWED, chain, RESTART, STAGING) for _ in range(2))
    Attachment.objects.filter(entry=erased).update(
        content=None, salt=None, erased_at=kept.attachments.get().entry.chain.created_at
    )
    found = replayed(draft())
    assert (found.closed, found.compared) == (1, 1)


def test_a_removed_entry_could_not_be_looked_at(chain: str) -> None:
    entry = record(ALLOWED, chain, RESTART, STAGING)
    entry.envelope = b""
    entry.save(update_fields=["envelope"])
    assert replayed(draft()).closed == 1


def test_an_incident_that_the_draft_knows_no_severity_of_gets_no_warrant(chain: str) -> None:
    record(ALLOWED, chain, RESTART, STAGING)
    found = replayed(draft(("  critical: 1 h\n", "")))
    assert found.outcomes == {(Outcome.ALLOWED, Outcome.DENIED): 1}


def test_other_policies_calls_only_where_they_are_asked_for(chain: str) -> None:
    record(ALLOWED, chain, RESTART, STAGING)
    other = draft(("name: incident-response", "name: something-else"))
    assert replayed(other).recorded == 0
    assert replayed(other, every_policy=True).compared == 1


def test_nobody_sees_what_is_not_theirs(chain: str) -> None:
    record(ALLOWED, chain, RESTART, STAGING)
    always = draft(("unless:\n        environment: {one_of: [staging, dev]}", "always: true"))
    assert replayed(always, within=NOWHERE).recorded == 0
    assert replayed(always, within=Reach(False, frozenset({"billing"}))).recorded == 0
    within = Reach(False, frozenset({"default"}))
    [seen] = replayed(always, within=within, content=within).changes
    assert seen.arguments == STAGING
    for content in (None, NOWHERE, Reach(False, frozenset({"billing"}))):
        found = replayed(always, within=within, content=content)
        assert [change.arguments for change in found.changes] == [None]
        assert found.tools == {(RESTART, Outcome.ALLOWED, Outcome.GATED): 1}


def test_the_work_is_bounded_and_goes_on_where_it_ended(chain: str) -> None:
    for minutes in range(1, 8):
        record(ALLOWED, chain, "read_logs", {**LOGS, "minutes": minutes})
    short = draft(("max: 1440", "max: 3"))
    first = replayed(short, calls=4)
    assert (first.looked_at, first.recorded, first.changed) == (4, 7, 4)
    second = replayed(short, before=first.older)
    assert (second.looked_at, second.recorded, second.changed, second.older) == (3, 3, 0, None)
    timed = replayed(short, seconds=0)
    assert (timed.looked_at, timed.recorded) == (1, 7)
    assert timed.older is not None


def test_many_calls_take_few_queries(chain: str, django_assert_max_num_queries: Callable[..., Any]) -> None:
    with transaction.atomic():
        for number in range(250):
            record(ALLOWED, chain, "read_logs", {**LOGS, "minutes": number + 1})
    with django_assert_max_num_queries(16):
        found = replayed(draft(("max: 1440", "max: 100")))
    assert (found.compared, found.changed) == (250, 150)


def test_nothing_is_written(chain: str) -> None:
    record(ALLOWED, chain, RESTART, STAGING)
    with CaptureQueriesContext(connection) as captured:
        replayed(draft())
    assert [query["sql"] for query in captured if not query["sql"].startswith("SELECT")] == []
