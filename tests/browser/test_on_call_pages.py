"""Who is on call, made and seen with the keyboard in a real browser, on a phone too."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.absence.services import note
from approvals.models import ApprovalRequest, LadderStep, Notification
from approvals.on_call import services
from approvals.on_call.elsewhere import services as schedules
from approvals.on_call.elsewhere.contracts import AHEAD, FetchedShift, FetchFailed, Trouble
from approvals.on_call.elsewhere.fetching import Fetched
from tests import people
from tests.approvals import factories
from tests.approvals.factories import reachable
from tests.approvals.test_on_call_pages import kept
from tests.browser.conftest import look
from tests.browser.test_notifications_pages import open_as  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_rotation_and_a_ladder_are_made_with_the_keyboard(open_as: Callable[[Person], Page]) -> None:  # noqa: F811
    factories.approver("ada")
    factories.person("grace")  # no key of hers is endorsed
    page = open_as(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    page.get_by_role("link", name="On call", exact=True).click()
    page.get_by_role("link", name="New rotation").click()
    page.get_by_label("Name", exact=True).fill("Primary")
    page.get_by_label("Number 1").select_option(label="Ada")
    page.get_by_label("Number 2").select_option(label="Grace")
    page.get_by_label("Hands over on").select_option(label="Monday")
    page.get_by_label("At", exact=True).fill("09:00")
    page.get_by_label("Begins on").fill((timezone.now() - timedelta(days=30)).date().isoformat())
    page.get_by_label("Time zone").fill("Europe/Berlin")
    look(page, "on-call-rotation")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved. It counts from now on.")).to_be_visible()
    expect(page.get_by_text("Nobody who can decide is on call in the coming two weeks:")).to_be_visible()
    page.get_by_role("link", name="Edit the ladder of every policy without its own").click()
    page.get_by_label("Whoever is on call in").first.select_option(label="Primary")
    page.get_by_label("Then wait, in minutes").first.fill("10")
    look(page, "on-call-ladder")
    page.keyboard.press("Enter")
    expect(page.get_by_text("on call: Primary; after 10 min")).to_be_visible()
    page.get_by_text("The coming two weeks", exact=True).click()
    look(page, "on-call")


def test_a_rotation_is_taken_from_elsewhere_and_says_what_is_wrong(
    settings: Any,
    open_as: Callable[[Person], Page],  # noqa: F811
) -> None:
    entry = {"name": "primary", "kind": "pagerduty", "id": "PI7DH85", "token": "u-secret"}
    settings.ON_CALL_SCHEDULES = json.dumps([entry])
    ada, grace = factories.approver("ada").person, factories.approver("grace").person
    for person in (ada, grace):
        Person.objects.filter(pk=person.pk).update(email=f"{person.username}@example.com")
    page = open_as(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    page.get_by_role("link", name="On call", exact=True).click()
    page.get_by_role("link", name="New rotation").click()
    page.get_by_label("Name", exact=True).fill("Night")
    page.get_by_label("Who is on call").select_option(label="taken from primary (PagerDuty)")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    look(page, "on-call-taken")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("which is not fetched yet")).to_be_visible()
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    shifts = [
        FetchedShift(now - day, now + 3 * day, "ada@example.com", "Ada"),
        FetchedShift(now - day, now + day, "grace@example.com", "Grace"),
        FetchedShift(now + 3 * day, now + 6 * day, "tim.wright@example.com", "Tim Wright"),
        FetchedShift(now + 6 * day, now + AHEAD, "grace@example.com", "Grace"),
    ]
    assert schedules.claim(named=["primary"], now=timezone.now()) == "primary"
    schedules.keep(name="primary", fetched=Fetched(now + AHEAD, shifts), now=timezone.now())
    page.reload()
    expect(page.get_by_text("Taken from primary (PagerDuty), fetched")).to_be_visible()
    expect(page.get_by_text("Tim Wright <tim.wright@example.com> is not known here").first).to_be_visible()
    page.get_by_text("The coming two weeks", exact=True).click()
    look(page, "on-call-elsewhere")
    refused = FetchFailed(Trouble.REFUSED, "401")
    schedules.keep(name="primary", fetched=Fetched(now + AHEAD, failed=refused), now=timezone.now())
    page.get_by_role("button", name="Fetch now").click()
    expect(page.get_by_text("It is fetched within some seconds.")).to_be_visible()
    expect(page.get_by_text("It refuses the token, or the secret in the address (401).")).to_be_visible()
    look(page, "on-call-elsewhere-trouble")


def test_a_person_says_with_the_keyboard_that_they_are_away_and_is_back(open_as: Callable[[Person], Page]) -> None:  # noqa: F811
    ada = factories.approver("ada").person
    factories.approver("grace")
    page = open_as(ada)
    page.get_by_role("link", name="Notifications", exact=True).click()
    page.get_by_role("link", name="I am away").click()
    today = timezone.now().date()
    page.get_by_label("From", exact=True).fill(f"{today}T00:00")
    page.get_by_label("To", exact=True).fill(f"{today + timedelta(days=9)}T09:00")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_label("Tell instead").select_option(label="Grace")
    page.get_by_label("Time zone").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Noted. It is listed below, and can be ended there.")).to_be_visible()
    expect(page.get_by_text("You are away until")).to_be_visible()
    look(page, "absence")
    page.get_by_role("button", name="I am back").press("Enter")
    expect(page.get_by_text("Ended. New requests reach you.")).to_be_visible()
    expect(page.get_by_text("You are away until")).to_have_count(0)


def test_a_shift_is_handed_over_and_a_rotation_removed(open_as: Callable[[Person], Page]) -> None:  # noqa: F811
    ada, grace = (reachable(factories.approver(name)) for name in ("ada", "grace"))
    rotation = kept(ada.person, grace.person, starts_on=timezone.now().date() - timedelta(days=1))
    LadderStep.objects.create(
        policy="incident-response", rotation=rotation, position=0, wait_minutes=10, changed_by="x",
        changed_at=timezone.now(),
    )  # fmt: skip
    factories.open_request(ada, grace, min_approvals=2)
    unseen = factories.open_request(ada, grace)
    Notification.objects.filter(approval_request=unseen).update(person=ada.person)
    ApprovalRequest.objects.filter(pk=unseen.pk).update(state="expired", closed_at=timezone.now(), urgency=None)
    now = timezone.now()
    services.step_in(
        rotation=rotation,
        person=grace.person,
        begins=now + timedelta(days=2),
        ends=now + timedelta(days=3),
        by=ada.person,
    )
    note(
        person=grace.person,
        stand_in=ada.person,
        begins=now + timedelta(days=2),
        ends=now + timedelta(days=9),
        time_zone="UTC",
        by=grace.person,
    )
    page = open_as(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    page.get_by_role("link", name="Policies", exact=True).click()
    expect(page.get_by_text("On call now:").first).to_be_visible()
    look(page, "on-call-policies")
    page.get_by_role("link", name="On call", exact=True).click()
    page.get_by_text("The coming two weeks", exact=True).click()
    page.get_by_text("Who steps in", exact=True).click()
    expect(page.get_by_text("is away; Ada stands in").first).to_be_visible()
    look(page, "on-call-away")
    page.get_by_role("link", name="Take back that Grace steps in").press("Enter")
    look(page, "on-call-step-in-end")
    page.get_by_role("button", name="Take it back").press("Enter")
    expect(page.get_by_text("Grace steps in no longer.")).to_be_visible()
    page.get_by_role("link", name="Hand-over list of Primary").press("Enter")
    expect(page.get_by_role("heading", name="Expired unseen (1)")).to_be_visible()
    expect(page.get_by_role("heading", name="Waiting now (1)")).to_be_visible()
    page.get_by_text("As text, to copy").click()
    look(page, "on-call-hand-over")
    page.emulate_media(media="print")
    expect(page.get_by_text("As text, to copy")).to_be_hidden()
    page.emulate_media(media="screen")
    page.get_by_role("link", name="On call", exact=True).first.click()
    page.get_by_role("link", name="Edit Primary").click()
    page.get_by_role("link", name="Remove this rotation").click()
    expect(page.get_by_text("It cannot be removed while a ladder tells")).to_be_visible()
    look(page, "on-call-removal-refused")
    LadderStep.objects.all().delete()
    page.reload()
    look(page, "on-call-removal")
    page.get_by_role("button", name="Remove it").press("Enter")
    expect(page.get_by_text("Primary is removed.")).to_be_visible()
