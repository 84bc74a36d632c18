"""Every page that an on-call lead meets on a phone, with names and texts as long and as strange as they may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest
import tenuo_core
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, LadderStep, OnCallMember, OnCallOverride, OnCallRotation
from approvals.notify import outbox
from approvals.notify.contracts import Answer, Result
from approvals.requests import services
from audit.keys.push import ensure_push_key
from tests import people
from tests.approvals import factories
from tests.approvals.factories import reachable
from tests.browser.phone import look_on_a_phone, phone, walk_with_the_keyboard
from tests.endorsing import endorsed

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

ISSUER = tenuo_core.SigningKey.from_bytes(b"\x23" * 32)
LONG = "Maximiliane" + "-Donaudampfschifffahrt" * 6
STRANGE = "\u202eadA\u202c\u200b\u2066 שרה לוי\u2069 " + "W" * 60
ARGUMENTS: dict[str, Any] = {
    "service": "\u202enoitcudorp\u202c \u200b\u200d" + "payment-service" * 20,
    "environment": "production",
}


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    settings.SITE_ROOT, settings.EMAIL_HOST = live_server.url, "mail.example"
    ensure_push_key()
    return str(live_server.url)


@pytest.fixture
def open_phone(site: str, open_browser: Callable[..., BrowserContext]) -> Callable[[Person], Page]:
    """Open a phone on which somebody is signed in."""

    def open_it(person: Person) -> Page:
        client = Client()
        client.force_login(person)
        context = open_browser(base_url=site, **phone())
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
        return context.new_page()

    return open_it


def enrol_this_browser(page: Page, person: Person) -> ApproverKey:
    """Make the browser's key; it waits for endorsement."""
    factories.trust(bytes(ISSUER.public_key_bytes()))
    page.goto("/keys/")
    page.get_by_label("Name of this browser").fill("Phone")
    page.get_by_role("button", name="Make this browser").click()
    page.locator("enrol-key[data-state=waiting]").wait_for()
    return ApproverKey.objects.get(person=person, name="Phone")


def ask(*approvers: factories.Approver | bytes, min_approvals: int = 1, **changes: Any) -> ApprovalRequest:
    minted = factories.mint(*approvers, min_approvals=min_approvals, issuer=ISSUER)
    return services.open(gate_request=factories.gate_request(minted, **{"arguments": ARGUMENTS, **changes}))


def test_the_way_to_a_decision(site: str, open_phone: Callable[[Person], Page]) -> None:
    person = people.person("ada", Role.APPROVER, display_name=STRANGE)
    page = open_phone(person)
    page.goto("/approvals/")
    look_on_a_phone(page, "queue-empty")
    page.goto("/keys/")
    look_on_a_phone(page, "keys-before")
    key = enrol_this_browser(page, person)
    look_on_a_phone(page, "keys-waiting")
    endorsed(key)
    page.reload()
    page.locator("enrol-key[data-state=enrolled]").wait_for()
    look_on_a_phone(page, "keys")
    grace = factories.approver("grace")
    Person.objects.filter(username="grace").update(display_name=LONG)
    asked = ask(
        bytes(key.public_key), grace, min_approvals=2, reasoning=STRANGE * 20, gate_message=LONG, workflow_id="w" * 200
    )
    ApprovalRequest.objects.update(severity="critical")
    for _ in range(3):
        ask(bytes(key.public_key))
    page.goto("/approvals/")
    expect(page.locator(".card")).to_have_count(4)
    look_on_a_phone(page, "queue")
    page.goto(f"/approvals/{asked.pk}/")
    page.locator("sign-decision[data-state=ready]").wait_for()
    look_on_a_phone(page, "request")
    walk_with_the_keyboard(page)
    page.get_by_label("Reason").fill("x" * 200)
    page.get_by_role("button", name="Sign and approve").click()
    page.locator("sign-decision[data-state=sent]").wait_for()
    look_on_a_phone(page, "request-sent")


def test_requests_that_are_over_or_not_ones_own(site: str, open_phone: Callable[[Person], Page]) -> None:
    factories.trust(bytes(ISSUER.public_key_bytes()))
    ada, grace = factories.approver("ada"), factories.approver("grace")
    Person.objects.filter(username="grace").update(display_name=STRANGE)
    denied, expired, gone, approved = ask(ada, grace, min_approvals=2), ask(ada), ask(ada), ask(ada, grace)
    record(person=grace.person, request_id=denied.pk, denial=grace.sign_denial(denied, reason=STRANGE * 5))
    record(person=grace.person, request_id=approved.pk, approval=grace.sign_approval(approved))
    services.withdraw(request_id=gone.pk, reason=LONG)
    ApprovalRequest.objects.filter(pk=expired.pk).update(
        opened_at=timezone.now() - timedelta(hours=2), expires_at=timezone.now() - timedelta(seconds=1)
    )
    page = open_phone(ada.person)
    for name, request in {"denied": denied, "expired": expired, "withdrawn": gone, "approved": approved}.items():
        page.goto(f"/approvals/{request.pk}/")
        page.locator("sign-decision[data-state=closed]").wait_for()
        look_on_a_phone(page, f"request-{name}")
    page.goto("/approvals/req_00000000000000000000000000000000/")
    look_on_a_phone(page, "not-found")
    waiting = ask(ada)
    page.goto(f"/approvals/{waiting.pk}/")
    page.locator("sign-decision[data-state=no-key]").wait_for()
    look_on_a_phone(page, "request-no-key")
    vera = open_phone(people.person("vera", Role.VIEWER))
    vera.goto(f"/approvals/{waiting.pk}/")
    look_on_a_phone(vera, "request-hidden")


def test_who_is_told_and_on_call(site: str, settings: Any, open_phone: Callable[[Person], Page]) -> None:
    factories.trust(bytes(ISSUER.public_key_bytes()))
    ada = reachable(factories.approver("ada"))
    Person.objects.filter(username="ada").update(display_name=STRANGE, email=f"{'a' * 60}@{'b' * 60}.example")
    by = {"changed_by": "tests", "changed_at": timezone.now()}
    rotation = OnCallRotation.objects.create(
        name=LONG[:100],
        hands_over=time(9),
        time_zone="America/Argentina/ComodRivadavia",
        starts_on=date(2026, 1, 5),
        **by,
    )
    OnCallMember.objects.create(rotation=rotation, person=ada.person, position=0)
    nobody = OnCallRotation.objects.create(
        name="Gaps", hands_over=time(9), time_zone="UTC", starts_on=date(2026, 1, 5), **by
    )
    OnCallMember.objects.create(rotation=nobody, person=factories.person("grace", display_name=LONG), position=0)
    LadderStep.objects.create(policy="", position=0, rotation=rotation, wait_minutes=10, **by)
    now = timezone.now()
    instead = OnCallOverride.objects.create(
        rotation=rotation, person=ada.person, begins=now - timedelta(days=1), ends=now + timedelta(days=1),
        made_by="tests", made_at=now,
    )  # fmt: skip
    asked = ask(ada)
    ApprovalRequest.objects.update(severity="critical", opened_at=timezone.now() - timedelta(minutes=5))
    while (job := outbox.claim(channel="mail")) is not None:
        outbox.answered(job=job, answer=Answer(Result.PERMANENT, "550 5.1.1 " + LONG))
    sam = open_phone(people.person("sam", Role.SECURITY_ADMINISTRATOR, Role.APPROVER, display_name=LONG))
    for name, path in {
        "notifications": "/notifications/",
        "log": "/notifications/log/",
        "on-call": "/on-call/",
        "rotation": f"/on-call/rotation/{rotation.pk}/",
        "step-in": f"/on-call/rotation/{rotation.pk}/step-in/",
        "step-in-end": f"/on-call/step-in/{instead.pk}/end/",
        "hand-over": f"/on-call/rotation/{rotation.pk}/hand-over/",
        "removal": f"/on-call/rotation/{nobody.pk}/removal/",
        "absence": "/notifications/absence/",
        "ladder": "/on-call/ladder/",
        "passkeys": "/passkeys/",
        "sessions": "/sessions/",
        "sign-out": "/accounts/logout/",
    }.items():
        sam.goto(path)
        for summary in sam.locator(".more > summary").all():
            summary.click()
        look_on_a_phone(sam, name)
        walk_with_the_keyboard(sam)
    page = open_phone(ada.person)
    page.goto(f"/approvals/{asked.pk}/#told")
    page.get_by_text("Who, how, when").click()
    look_on_a_phone(page, "request-told")
    walk_with_the_keyboard(page)


def test_the_ways_in(site: str, open_browser: Callable[..., BrowserContext]) -> None:
    page = open_browser(base_url=site, **phone()).new_page()
    page.goto("/approvals/")
    look_on_a_phone(page, "sign-in")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look_on_a_phone(page, "sign-in-refused")
    page.goto("/sign-in/nonsense/")
    look_on_a_phone(page, "link-ended")
