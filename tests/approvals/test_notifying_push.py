"""Push through a service on loopback that decrypts it: what it says, which browsers it reaches, and every failure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from approvals.contracts import Outcome
from approvals.models import ApprovalRequest, Notification, NotificationAttempt, PushSubscription
from approvals.notify import outbox, outgoing
from approvals.notify.contracts import Answer, Job, NotificationEvent, Result
from approvals.notify.push import client, transport, wording
from approvals.notify.push.services import PER_PERSON, subscribe
from approvals.notify.push.settings import target_of
from approvals.requests import services as requests
from audit import custody
from audit.keys.push import ensure_push_key
from audit.models import PushKey
from tests import push_service
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.approvals.test_notifying_mail import job as mail_job
from tests.push_service import DRIP, DROP, HANG, PushService, Subscribed

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SERVICES = ["fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"]


@pytest.fixture(scope="module")
def server() -> Iterator[PushService]:
    with push_service.serving() as running:
        yield running


@pytest.fixture
def push(server: PushService, settings: Any, db: None) -> PushService:
    server.reset()
    settings.PUSH_CONTACT, settings.PUSH_HOSTS = "ops@countersign.example", [*SERVICES, server.origin]
    server.server_key = bytes(ensure_push_key().public_key)
    return server


@pytest.fixture
def ada(push: PushService) -> Approver:
    return factories.approver("ada")


def allow(push: PushService, person: Person, name: str) -> Subscribed:
    browser = push.browser(name)
    subscribe(person=person, browser=name, **browser.fields)
    return browser


def send_all() -> list[Answer]:
    answers = []
    while (job := claim()) is not None:
        answers.append(transport.send(job))
        outbox.answered(job=job, answer=answers[-1])
    return answers


def claim() -> Job | None:
    Notification.objects.filter(state="waiting").update(due_at=timezone.now())
    return outbox.claim(channel="push")


# --- What is told -------------------------------------------------------------------------------


def test_every_browser_of_a_person_is_told_and_what_is_newer_replaces(push: PushService, ada: Approver) -> None:
    allow(push, ada.person, "phone")
    allow(push, ada.person, "laptop")
    asked = factories.open_request(ada)
    ApprovalRequest.objects.update(severity="critical", agent="sre-bot", service="payments")
    (answer,) = send_all()
    assert (answer.result, answer.text) == (Result.SENT, "phone: taken (201); laptop: taken (201).")
    assert sorted(pushed.browser for pushed in push.taken) == ["laptop", "phone"]
    for pushed in push.taken:
        assert pushed.shown["title"] == "Decide: restart_service"
        assert pushed.shown["body"].startswith("critical · sre-bot · ")
        assert pushed.shown["body"].endswith(" minutes left")
        assert pushed.shown["path"] == f"/approvals/{asked.pk}/"
        assert (pushed.shown["tag"], pushed.shown["urgent"], pushed.shown["over"]) == (asked.pk, True, False)
        assert pushed.headers["urgency"] == "high"
        left = (asked.expires_at - timezone.now()).total_seconds()
        assert left - 5 < int(pushed.headers["ttl"]) <= left + 5
        assert asked.pk not in str(pushed.headers), "a push service does not read which request it is"
    topic = push.taken[0].headers["topic"]
    assert len(topic) == 32
    attempt = NotificationAttempt.objects.get()
    assert attempt.address == "phone, laptop"
    assert PushSubscription.objects.filter(last_taken_at=None).count() == 0

    requests.close(outcome=Outcome(asked.pk, "withdrawn", 1_790_000_000_000))
    send_all()
    over = push.taken[-1]
    assert (over.shown["title"], over.shown["tag"]) == ("Over, withdrawn: restart_service", asked.pk)
    assert (over.shown["over"], over.shown["urgent"], over.headers["topic"]) == (True, False, topic)
    assert int(over.headers["ttl"]) > 3600, "a phone that was off still shows that it waits"


def test_a_message_fits_and_hides_nothing_whatever_an_agent_is_called() -> None:
    evil = "\u202e" + "𝕏" * 5000 + "\n</script>"
    made = wording.message(mail_job(tool=evil, agent=evil, severity=evil, service=evil).notice)
    assert len(made.body) < 3000
    shown = json.loads(made.body)
    assert "\u202e" not in made.body.decode()
    assert "\n" not in shown["title"]
    assert set(shown) == {"title", "body", "tag", "path", "over", "urgent"}


@pytest.mark.parametrize("event", list(NotificationEvent))
def test_every_event_has_a_title(event: NotificationEvent) -> None:
    assert json.loads(wording.message(mail_job(event=event).notice).body)["title"].endswith(": restart_service")


def test_what_is_not_critical_waits_for_the_phone_to_be_awake() -> None:
    assert wording.message(mail_job(severity="low").notice).urgency == "normal"


# --- What push services do ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_told_no_more_and_the_others_are(
    push: PushService, ada: Approver, status: int
) -> None:
    allow(push, ada.person, "gone")
    allow(push, ada.person, "laptop")
    push.answers["gone"] = [status]
    factories.open_request(ada)
    (answer,) = send_all()
    assert answer.result is Result.SENT
    assert [row.browser for row in PushSubscription.objects.all()] == ["laptop"]


@pytest.mark.parametrize(
    ("fault", "result", "said"),
    [
        (500, Result.TEMPORARY, "is in trouble (500)"),
        (503, Result.TEMPORARY, "is in trouble (503)"),
        ((429, {"Retry-After": "120"}), Result.TEMPORARY, "wants to be asked less often (429)"),
        ((429, {"Retry-After": "inf"}), Result.TEMPORARY, "wants to be asked less often (429)"),
        (413, Result.PERMANENT, "refused it (413)"),
        (403, Result.PERMANENT, "refused it (403)"),
        ((307, {"Location": "http://169.254.169.254/"}), Result.PERMANENT, "refused it (307)"),
        (DROP, Result.UNANSWERED, "did not say whether it took it"),
        (HANG, Result.UNANSWERED, "did not say whether it took it"),
        (DRIP, Result.UNANSWERED, "did not say whether it took it"),
    ],
)
def test_what_a_push_service_answers(
    push: PushService, ada: Approver, monkeypatch: pytest.MonkeyPatch, fault: Any, result: Result, said: str
) -> None:
    if fault in (HANG, DRIP):
        monkeypatch.setattr(outgoing, "SECONDS", 1.5)
    allow(push, ada.person, "phone")
    push.answers["phone"] = [fault]
    factories.open_request(ada)
    job = claim()
    assert job is not None
    began = time.monotonic()
    answer = transport.send(job)
    assert time.monotonic() - began < 8
    assert (answer.result, said in answer.text) == (result, True), answer
    assert answer.retry_after == (120 if "120" in str(fault) else 0)
    assert push.asked == ["phone"], "nobody follows a redirect, and nothing is tried again here"
    assert PushSubscription.objects.filter(last_taken_at=None).exists(), "trouble removes no browser"


def test_who_is_asked_to_wait_is_asked_later(push: PushService, ada: Approver) -> None:
    allow(push, ada.person, "phone")
    push.answers["phone"] = [(429, {"Retry-After": "120"})]
    factories.open_request(ada)
    job = claim()
    assert job is not None
    outbox.answered(job=job, answer=transport.send(job))
    row = Notification.objects.get()
    assert row.state == "waiting"
    assert row.due_at > timezone.now() + timedelta(seconds=110)
    assert [answer.result for answer in send_all()] == [Result.SENT]


def test_nobody_is_asked_who_has_no_browser_or_is_told_after_removing_the_last(
    push: PushService, ada: Approver
) -> None:
    factories.open_request(ada)
    assert not Notification.objects.filter(channel="push").exists()
    allow(push, ada.person, "phone")
    factories.open_request(ada)
    job = claim()
    assert job is not None
    PushSubscription.objects.all().delete()
    assert transport.send(job).result is Result.PERMANENT


# --- Where it may go ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/fcm/send/x",
        "https://fcm.googleapis.com:8443/fcm/send/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilfcm.googleapis.com/x",
        "https://user@fcm.googleapis.com/x",
        "https://evil.example#@fcm.googleapis.com/x",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://push.apple.com/x",
        "https://.push.apple.com/x",
        "https://evilpush.apple.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "http://127.0.0.1:1/x",
        "https://fcm.googleapis.com/x y",
        "https://fcm.googleapis.com/x\r\nHost: evil",
        "https://fcm.googleapis.com/\u00e9",
        "https://[fcm",
        "ftp://fcm.googleapis.com/x",
        "",
    ],
)
def test_nothing_goes_anywhere_but_to_push_services(settings: Any, endpoint: str) -> None:
    settings.PUSH_HOSTS = SERVICES
    assert target_of(endpoint) is None


@pytest.mark.parametrize("endpoint", ["https://fcm.googleapis.com/fcm/send/x", "https://web.push.apple.com/x?y=1"])
def test_push_services_are_reached(settings: Any, endpoint: str) -> None:
    settings.PUSH_HOSTS = SERVICES
    assert target_of(endpoint) is not None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "::1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1",
     "0.0.0.0", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
def test_a_push_service_that_leads_into_this_network_is_not_reached(
    settings: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    settings.PUSH_HOSTS = SERVICES
    monkeypatch.setattr(outgoing, "look_up", lambda *_: [address])
    opened: list[Any] = []
    monkeypatch.setattr(outgoing, "_ask", lambda *given: opened.append(given))
    target = target_of("https://fcm.googleapis.com/x")
    assert target is not None
    answer = client.post(target, b"", {})
    assert (answer.result, "no public address" in answer.text, opened) == (Result.TEMPORARY, True, [])


def test_an_endpoint_that_is_no_longer_allowed_gets_nothing(push: PushService, ada: Approver, settings: Any) -> None:
    allow(push, ada.person, "phone")
    factories.open_request(ada)
    job = claim()
    assert job is not None
    settings.PUSH_HOSTS = SERVICES
    answer = transport.send(job)
    assert (answer.result, push.asked) == (Result.PERMANENT, [])


# --- A person's browsers ------------------------------------------------------------------------


def signed_in(person: Person, **options: Any) -> Client:
    visitor = Client(headers={"user-agent": FIREFOX}, **options)
    visitor.force_login(person)
    return visitor


def test_a_person_has_browsers_told_and_removes_them(push: PushService, ada: Approver) -> None:
    visitor = signed_in(ada.person)
    fields = push.browser("laptop").fields
    for _ in range(2):  # harmless to repeat
        assert visitor.post("/notifications/browsers/", fields).status_code == 201
    row = PushSubscription.objects.get()
    assert (row.person, row.browser) == (ada.person, "Firefox on Linux")
    page = visitor.get("/notifications/").content.decode()
    assert "to Firefox on Linux" in page
    assert row.endpoint not in page, "whoever knows an endpoint can disturb"
    grace = factories.approver("grace").person
    assert signed_in(grace).post(f"/notifications/browsers/{row.pk}/removal/").status_code == 404
    assert visitor.post(f"/notifications/browsers/{row.pk}/removal/").status_code == 302
    assert not PushSubscription.objects.exists()


def test_what_another_site_sends_is_refused(push: PushService, ada: Approver) -> None:
    visitor = signed_in(ada.person, enforce_csrf_checks=True)
    assert visitor.post("/notifications/browsers/", push.browser("laptop").fields).status_code == 403
    row = subscribe(person=ada.person, browser="phone", **push.browser("phone").fields)
    assert visitor.post(f"/notifications/browsers/{row.pk}/removal/").status_code == 403
    assert PushSubscription.objects.count() == 1


def test_a_browser_changes_hands_only_with_its_own_keys(push: PushService, ada: Approver) -> None:
    fields = push.browser("shared").fields
    subscribe(person=ada.person, browser="shared", **fields)
    visitor = signed_in(factories.approver("grace").person)
    stolen = visitor.post("/notifications/browsers/", {**push.browser("other").fields, "endpoint": fields["endpoint"]})
    assert (stolen.status_code, stolen.json()["code"]) == (409, "push_taken")
    assert PushSubscription.objects.get().person == ada.person
    assert visitor.post("/notifications/browsers/", fields).status_code == 201
    assert PushSubscription.objects.get().person.username == "grace"


def test_ten_browsers_and_no_more(push: PushService, ada: Approver) -> None:
    for number in range(PER_PERSON):
        allow(push, ada.person, f"browser-{number}")
    answer = signed_in(ada.person).post("/notifications/browsers/", push.browser("eleventh").fields)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_browsers")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoint": "https://evil.example/x"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"endpoint": "https://fcm.googleapis.com/" + "x" * 1000}, "endpoint"),
        ({"p256dh": ""}, "p256dh"),
        ({"p256dh": "A" * 87}, "p256dh"),
        ({"p256dh": "é" * 87}, "p256dh"),
        ({"p256dh": "x" * 100_000}, "p256dh"),
        ({"auth": "short"}, "auth"),
        ({"auth": "!" * 22}, "auth"),
    ],
)
def test_what_no_browser_says_is_refused(push: PushService, ada: Approver, changes: dict[str, str], field: str) -> None:
    sent = {**push.browser("laptop").fields, **changes}
    answer = signed_in(ada.person).post("/notifications/browsers/", sent)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "push_refused", field)
    assert not PushSubscription.objects.exists()


def test_where_push_is_not_set_up_no_browser_is_taken(push: PushService, ada: Approver, settings: Any) -> None:
    settings.PUSH_CONTACT = ""
    answer = signed_in(ada.person).post("/notifications/browsers/", push.browser("laptop").fields)
    assert (answer.status_code, answer.json()["code"]) == (409, "push_not_set_up")
    assert "Tell this browser" not in signed_in(ada.person).get("/notifications/").content.decode()


# --- The key, the service worker ----------------------------------------------------------------


def test_the_key_is_made_once_and_wrapped_for_its_purpose_only(push: PushService, ada: Approver) -> None:
    key = ensure_push_key()
    assert ensure_push_key() == key
    with pytest.raises(custody.CustodyError):
        custody.unwrap(key.wrapped_private_key, purpose="service-key:ledger")
    allow(push, ada.person, "phone")
    factories.open_request(ada)
    PushKey.objects.update(wrapped_private_key=b"\x01" + bytes(60))
    job = claim()
    assert job is not None
    answer = transport.send(job)
    assert (answer.result, answer.is_about_channel, push.asked) == (Result.TEMPORARY, True, [])


def test_the_service_worker_comes_from_the_root_reaches_this_site_only_and_keeps_nothing(db: None) -> None:
    answer = Client().get("/service-worker.js")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert answer["Cache-Control"] == "no-cache"
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; connect-src 'self'; img-src 'self'; ")
    assert answer["X-Content-Type-Options"] == "nosniff"
    for word in ("caches", "indexedDB", "importScripts", "eval"):
        assert word not in answer.content.decode()
    assert answer.content.decode().count("fetch(") == 1
