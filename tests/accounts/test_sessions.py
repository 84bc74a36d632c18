"""People see where they are signed in, and sign out there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import Person, PersonSession
from accounts.sessions import services
from accounts.sessions.devices import describe
from accounts.sign_in.services import issue_link

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"


def sign_in(person: Person, user_agent: str = FIREFOX) -> Client:
    """Return a browser that signed in with a link, as people do."""
    client = Client(headers={"user-agent": user_agent})
    path = "/" + issue_link(person=person, valid_for_seconds=60).split("/", 3)[3]
    assert client.post(path).status_code == 302
    return client


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (PHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Chrome/142.0.0.0 Safari/537.36 Edg/142.0", "Edge on macOS"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("python-requests/2.32", "A program"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_named_in_plain_words(user_agent: str, words: str) -> None:
    assert describe(user_agent) == words


def test_a_person_sees_their_sessions_with_this_one_first(ada: Person, grace: Person) -> None:
    laptop, _phone = sign_in(ada), sign_in(ada, PHONE)
    sign_in(grace, "Opera OPR/99 on CrOS")
    lines = laptop.get("/sessions/").context["sessions"]
    assert [(line.device, line.is_this_one) for line in lines] == [
        ("Firefox on Windows", True),
        ("Safari on iPhone", False),
    ]


def test_the_page_names_no_session_key(ada: Person) -> None:
    client = sign_in(ada)
    text = client.get("/sessions/").content.decode()
    assert not [key for key in Session.objects.values_list("pk", flat=True) if key in text]


def test_a_person_signs_out_elsewhere(ada: Person) -> None:
    laptop, phone = sign_in(ada), sign_in(ada, PHONE)
    line = laptop.get("/sessions/").context["sessions"][1]
    assert laptop.post(f"/sessions/{line.id}/sign-out/").url == "/sessions/"
    assert phone.get("/approvals/").status_code == 302
    assert laptop.get("/approvals/").status_code == 200
    assert laptop.post(f"/sessions/{line.id}/sign-out/").status_code == 404


def test_a_person_signs_out_everywhere_else(ada: Person, grace: Person) -> None:
    laptop, others, stranger = sign_in(ada), [sign_in(ada, PHONE) for _ in range(3)], sign_in(grace)
    assert laptop.post("/sessions/others/sign-out/").status_code == 302
    assert [client.get("/approvals/").status_code for client in others] == [302] * 3
    assert laptop.get("/approvals/").status_code == stranger.get("/approvals/").status_code == 200


def test_nobody_ends_somebody_elses_session(ada: Person, grace: Person) -> None:
    laptop, stranger = sign_in(ada), sign_in(grace)
    theirs = PersonSession.objects.get(person=ada)
    assert stranger.post(f"/sessions/{theirs.pk}/sign-out/").status_code == 404
    assert laptop.get("/approvals/").status_code == 200


def test_signing_out_forgets_the_session(ada: Person) -> None:
    client = sign_in(ada)
    key = client.session.session_key
    client.post("/accounts/logout/")
    assert not PersonSession.objects.exists()
    assert not Session.objects.filter(pk=key).exists()


def test_signing_in_as_somebody_else_in_the_same_browser_ends_the_first_session(ada: Person, grace: Person) -> None:
    client = sign_in(ada)
    client.force_login(grace)
    assert [row.person for row in PersonSession.objects.all()] == [grace]


def test_an_expired_session_is_not_listed(ada: Person) -> None:
    laptop = sign_in(ada)
    sign_in(ada, PHONE)
    phone = PersonSession.objects.exclude(session=laptop.session.session_key).get()
    Session.objects.filter(pk=phone.session_id).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert len(laptop.get("/sessions/").context["sessions"]) == 1


# --- Last seen ------------------------------------------------------------------------------


def test_last_seen_moves_once_a_minute_at_most(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in(ada)
    long_ago = timezone.now() - timedelta(minutes=10)
    PersonSession.objects.update(last_seen_at=long_ago)
    client.get("/approvals/")
    assert PersonSession.objects.get().last_seen_at == long_ago  # noted less than a minute ago, at sign-in
    services._noted.clear()
    client.get("/approvals/")
    seen_at = PersonSession.objects.get().last_seen_at
    assert timezone.now() - seen_at < timedelta(seconds=30)
    services._noted.clear()  # another process, which remembers nothing
    client.get("/approvals/")
    assert PersonSession.objects.get().last_seen_at == seen_at


def test_a_session_of_before_the_list_appears_when_it_is_used(ada: Person) -> None:
    client = sign_in(ada)
    PersonSession.objects.all().delete()
    services._noted.clear()
    client.get("/approvals/")
    assert PersonSession.objects.get().person == ada


def test_a_page_is_shown_even_when_last_seen_cannot_be_written(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OperationalError("the disk is full")

    client = sign_in(ada)
    monkeypatch.setattr("accounts.sessions.middleware.note_seen", fail)
    assert client.get("/approvals/").status_code == 200


def test_a_long_and_hostile_user_agent_is_cut_and_never_shown(ada: Person) -> None:
    client = sign_in(ada, "Firefox/1 <script>alert(1)</script> Windows " + "x" * 5000)
    assert len(PersonSession.objects.get().user_agent) == 300
    text = client.get("/sessions/").content.decode()
    assert "alert(1)" not in text
    assert "Firefox on Windows" in text
