"""An alert runs under the warrant that somebody had minted for its incident, if that fits it in every way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import tenuo_core
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApproverKey
from accounts.namespaces.contracts import Namespace
from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from audit.statements.terms import terms_of
from tests.incident.keys import approver_key
from tests.warrants.conftest import approver_key as key_of
from tests.warrants.test_delegation import LEAS, hand_on
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident, MintedWarrant, Order
from warrants.minting.ordering import COMMAND_LINE, order_once
from warrants.minting.services import mint
from warrants.models import Warrant
from warrants.revocation.services import revoke
from workers.incident.alerts.contracts import Alert, Severity
from workers.incident.alerts.services import AGENT, admit

pytestmark = pytest.mark.django_db
ALERT = Alert("P1042", "High error rate", Severity.HIGH, "checkout", "incident")
ORDER = Order("incident-response", "P1042", "The checkout again", "high", "checkout", "default")


@pytest.fixture(autouse=True)
def approvers(db: None) -> list[ApproverKey]:
    ensure_agent(name=AGENT)
    ensure_agent(name="another-agent")
    return [approver_key(name) for name in ("ada", "grace", "linus")]


def order(**changes: Any) -> MintedWarrant:
    warrant, is_new = order_once(
        order=replace(ORDER, **changes), idempotency_key=f"key {Warrant.objects.count()}", requester=COMMAND_LINE
    )
    assert is_new
    return warrant


def test_the_alerts_run_takes_the_warrant_that_waits_for_it() -> None:
    waiting = order(barred_people=("local:ada", "local:linus"))
    admission = admit(alert=replace(ALERT, barred_people=("local:ada",)))
    assert admission.warrant == waiting
    assert admission.warrant.chain == waiting.chain
    assert admit(alert=ALERT).warrant == waiting
    assert Warrant.objects.count() == 1


def test_of_two_it_takes_the_newest_that_fits(caplog: pytest.LogCaptureFixture) -> None:
    first = order()
    Warrant.objects.update(issued_at=timezone.now() - timedelta(minutes=1))
    newest = order(severity="low")
    assert admit(alert=ALERT).warrant.id == first.id
    assert f"The warrant {newest.id}, minted for P1042, is not used: it is for low and checkout" in caplog.text


@pytest.mark.parametrize("has_signed", [True, False])
def test_one_that_a_person_hands_on_is_taken_whole_once_they_signed(
    has_signed: bool, approvers: list[ApproverKey], caplog: pytest.LogCaptureFixture
) -> None:
    lea = key_of("lea", LEAS.public_key().public_bytes_raw())
    incident = Incident(id="P1042", title="Again", severity="high", service="checkout", namespace="default")
    agent = ensure_agent(name=AGENT)
    waiting = mint(policy="incident-response", incident=incident, agent=agent, approvers=[*approvers, lea], signer=lea)
    if has_signed:
        waiting = hand_on(waiting, lea)
        assert len(waiting.chain) == 2
    taken = admit(alert=ALERT).warrant
    assert (taken == waiting) is has_signed
    assert ("whoever is to hand it to the agent has not done so" in caplog.text) is not has_signed


def used(warrant: MintedWarrant) -> None:
    append(
        chain=warrant.id, kind=EntryKind.APPROVAL_EXPIRED, details={"request_id": "apr_1"}, label="P1042",
        namespace="default",
    )  # fmt: skip


def ends(after: timedelta) -> Callable[[MintedWarrant], object]:
    def end(warrant: MintedWarrant) -> None:
        expires_at = timezone.now() + after
        issued_at = expires_at - timedelta(hours=1)
        Warrant.objects.filter(pk=warrant.id).update(issued_at=issued_at, expires_at=expires_at)

    return end


def nothing(warrant: MintedWarrant) -> None:
    pass


ALONE = {
    "another incident": ({"incident_id": "P1043"}, nothing, ""),
    "another namespace": ({"namespace": "payments"}, nothing, ""),
    "another agent": ({"agent": "another-agent"}, nothing, ""),
    "another severity": ({"severity": "critical"}, nothing, "for critical and checkout, not for high and checkout"),
    "another service": ({"service": "search"}, nothing, "for high and search, not for high and checkout"),
    "its own approvers": ({"barred_people": ("local:grace",)}, nothing, "and it lets them"),
    "revoked": (
        {"barred_people": ("local:ada",)},
        lambda warrant: revoke(warrant_id=warrant.id, reason="No.", revoked_by="Olga"),
        "",
    ),
    "expired": ({"barred_people": ("local:ada",)}, ends(timedelta(seconds=-1)), ""),
    "ends soon": ({"barred_people": ("local:ada",)}, ends(timedelta(seconds=50)), "it ends within a minute"),
    "used": ({"barred_people": ("local:ada",)}, used, "something was done under it already"),
}


@pytest.mark.parametrize("case", ALONE)
def test_one_that_does_not_fit_is_left_and_another_one_minted(
    case: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.NAMESPACES = (Namespace("default"), Namespace("payments"))
    changes, happens, why = ALONE[case]
    left = order(**changes)
    happens(left)
    minted = admit(alert=replace(ALERT, barred_people=("local:ada",))).warrant
    assert minted.id != left.id
    assert "local:ada" in terms_of([tenuo_core.Warrant.from_bytes(data) for data in minted.chain]).barred_people
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [why in line and left.id in line for line in said] == ([True] if why else []), said


def test_an_agent_that_acts_for_somebody_needs_a_warrant_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    left = order(barred_people=("local:ada",))
    alert = replace(ALERT, barred_people=("local:ada",), acting_for="local:ada")
    minted = admit(alert=alert).warrant
    assert minted.id != left.id
    assert Warrant.objects.get(pk=minted.id).policy_name == "incident-response-for-a-person"
    assert "with the authority of somebody else" in caplog.text
