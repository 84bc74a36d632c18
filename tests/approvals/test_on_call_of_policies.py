"""The pages of policies say who is on call now, to those who may see ladders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.absence.services import note
from approvals.models import LadderStep
from tests import people
from tests.approvals import factories
from tests.approvals.test_on_call_pages import browser, kept, text
from warrants.policies import on_call
from warrants.policies.services import begin

pytestmark = pytest.mark.django_db
PAGE, SHIPPED = "/policies/", "incident-response"


def words(person: Person, path: str = PAGE) -> str:
    return " ".join(text(browser(person), path).split())


def step(policy: str, rotation: Any) -> None:
    position = LadderStep.objects.filter(policy=policy).count()
    LadderStep.objects.create(
        policy=policy, position=position, rotation=rotation, wait_minutes=5, changed_by="x", changed_at=timezone.now()
    )


@pytest.fixture
def auditor(db: None) -> Person:
    return people.person("auditor", Role.AUDITOR)


def test_each_policy_says_who_is_on_call_now_by_name(auditor: Person) -> None:
    assert "On call now: everybody who can decide is told at once." in words(auditor)
    ada, grace = (factories.approver(name).person for name in ("ada", "grace"))
    step(SHIPPED, kept(ada))
    step(SHIPPED, kept(name="Second"))
    html = words(auditor)
    assert "<strong>Ada</strong>" in html
    assert '<strong>nobody</strong> <span class="soft">(On call: Second)</span>, then everybody' in html
    now = timezone.now()
    note(person=ada, stand_in=grace, begins=now, ends=now + timedelta(days=1), time_zone="UTC", by=ada)
    assert "<strong>Grace (stands in for Ada)</strong>" in words(auditor)


def test_a_versions_page_says_it_too(auditor: Person) -> None:
    step("", kept(factories.person("ada")))
    draft = begin(name="night-shift", author=people.person("writer", Role.POLICY_AUTHOR), text="name: night-shift")
    html = words(auditor, f"{PAGE}{draft.name}/{draft.number}/")
    assert "<dt>On call now</dt><dd> <strong>Ada</strong>" in html


def test_who_may_not_see_ladders_is_told_nothing(db: None) -> None:
    step("", kept(factories.person("ada")))
    local = people.person("local", Role.AUDITOR, namespace="payments")
    assert "On call now" not in words(local)
    assert on_call.ladders(local, [SHIPPED]) is None


def test_it_costs_the_same_queries_however_many_policies_there_are(
    auditor: Person, django_assert_max_num_queries: Any
) -> None:
    ada = factories.person("ada")
    for number in range(8):
        step(f"policy-{number}", kept(ada, name=f"rotation {number}"))
    with django_assert_max_num_queries(8):
        found = on_call.ladders(auditor, [f"policy-{number}" for number in range(8)])
    assert found is not None
    assert [[one.people for one in steps] for steps in found.values()] == [[["Ada"]]] * 8
