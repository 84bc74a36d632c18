"""Who was told goes with the evidence, or earlier if a setting says so, and a hold keeps it."""

from __future__ import annotations

from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.models import (
    ApprovalRequest,
    Escalation,
    EscalationMove,
    LadderStep,
    Notification,
    NotificationAttempt,
    PushSubscription,
)
from approvals.notify.forgetting import forget, forget_if_due
from approvals.requests import services as requests
from audit.ledger.signals import evidence_removed
from audit.models import LedgerChain, Turn
from audit.retention import services as retention
from tests import people
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_notifying_later import send_all

pytestmark = pytest.mark.django_db
DAYS = 30


@pytest.fixture
def ada(settings: Any) -> Approver:
    settings.EMAIL_HOST, settings.NOTIFICATION_DAYS = "127.0.0.1", DAYS
    ada = reachable(factories.approver("ada"))
    by = {"changed_by": "tests", "changed_at": timezone.now()}
    LadderStep.objects.create(policy="", position=0, wait_minutes=5, **by).people.set([ada.person])
    return ada


def ended(ada: Approver, days: int) -> ApprovalRequest:
    """Return a request that was told of and is over since ``days``."""
    made = factories.open_request(ada)
    send_all()
    requests.withdraw(request_id=made.pk, reason="Done.")
    send_all()
    ApprovalRequest.objects.filter(pk=made.pk).update(closed_at=timezone.now() - timedelta(days=days))
    assert is_kept(made)
    return made


def is_kept(asked: ApprovalRequest) -> bool:
    """Return whether there is who was told of it: all of it, or nothing."""
    own = {"approval_request": asked.pk}
    rows = [
        Notification.objects.filter(**own).exists(),
        NotificationAttempt.objects.filter(notification__approval_request=asked.pk).exists(),
        Escalation.objects.filter(**own).exists(),
        EscalationMove.objects.filter(**own).exists(),
    ]
    assert len(set(rows)) == 1
    return rows[0]


def forgotten(*, limit: int = 100) -> int:
    return forget(now=timezone.now(), limit=limit)


def test_it_goes_when_the_evidence_goes_and_no_others(ada: Approver, settings: Any) -> None:
    settings.NOTIFICATION_DAYS = 0
    gone, stays = ended(ada, 1), ended(ada, 1)
    assert gone.chain != stays.chain
    evidence_removed.send(sender=LedgerChain, chain=gone.chain)
    assert (is_kept(gone), is_kept(stays)) == (False, True)
    assert ApprovalRequest.objects.filter(pk=gone.pk).exists()


def test_it_goes_earlier_if_the_setting_says_so(ada: Approver) -> None:
    gone, stays = ended(ada, DAYS + 1), ended(ada, DAYS - 1)
    assert forgotten() == 1
    assert (is_kept(gone), is_kept(stays)) == (False, True)
    assert forgotten() == 0
    viewer = Client()
    viewer.force_login(people.person("vera", Role.VIEWER))
    page = viewer.get(f"/approvals/{gone.pk}/").content.decode()
    assert "or it is not kept any more" in page


def test_without_the_setting_it_stays_as_long_as_the_evidence(ada: Approver, settings: Any) -> None:
    settings.NOTIFICATION_DAYS = 0
    stays = ended(ada, 4000)
    assert forgotten() == 0
    assert is_kept(stays)


def test_what_the_pages_of_the_last_days_count_is_there(ada: Approver, settings: Any) -> None:
    settings.NOTIFICATION_DAYS = 1
    stays = ended(ada, 6)
    assert forgotten() == 0
    assert is_kept(stays)


def test_what_waits_is_kept_however_old(ada: Approver) -> None:
    stays = factories.open_request(ada)
    send_all()
    ApprovalRequest.objects.update(opened_at=timezone.now() - timedelta(days=400))
    assert forgotten() == 0
    assert is_kept(stays)


def test_a_hold_keeps_it_until_it_is_released(ada: Approver) -> None:
    held = ended(ada, 400)
    retention.hold(chain=held.chain, reason="Matter 2026-17", by="local:audit")
    assert forgotten() == 0
    assert is_kept(held)
    retention.release(chain=held.chain, by="local:audit")
    assert forgotten() == 1


def test_it_goes_some_at_a_time_once_a_day_by_one_process(ada: Approver) -> None:
    old = [ended(ada, DAYS + 1) for _ in range(3)]
    assert forgotten(limit=2) == 2
    assert sum(map(is_kept, old)) == 1
    assert forget_if_due(Event()) is None, "not at once after the first start"
    Turn.objects.update(due_at=timezone.now())
    assert forget_if_due(Event()) == 1
    assert forget_if_due(Event()) is None


def test_browsers_of_who_has_left_go_too(ada: Approver) -> None:
    here = people.person("grace", Role.APPROVER)
    for person in (ada.person, here):
        PushSubscription.objects.create(
            person=person, endpoint=f"https://push.example/{person.pk}", created_at=timezone.now()
        )
    Person.objects.filter(pk=ada.person.pk).update(is_active=False)
    forget_if_due(Event())
    Turn.objects.update(due_at=timezone.now())
    forget_if_due(Event())
    assert list(PushSubscription.objects.values_list("person", flat=True)) == [here.pk]
