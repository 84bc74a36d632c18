"""On call taken from PagerDuty, Opsgenie and calendars, on loopback: fetched, kept, shown, and told by the ladder."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach
from approvals.absence.queries import absences
from approvals.listed_settings import MalformedSetting
from approvals.models import Absence, OnCallOverride, OnCallRotation, OnCallSchedule, OnCallScheduleShift
from approvals.notify import outgoing
from approvals.on_call.elsewhere import asking, services
from approvals.on_call.elsewhere.checks import check_schedules
from approvals.on_call.elsewhere.contracts import (
    AHEAD,
    BEFORE,
    FetchedShift,
    FetchFailed,
    Kind,
    Schedule,
    Trouble,
    tidy,
)
from approvals.on_call.elsewhere.fetching import Fetched, fetch
from approvals.on_call.elsewhere.settings import parse, schedules
from approvals.on_call.elsewhere.wording import sentence
from approvals.on_call.hand_over import hand_over
from approvals.on_call.ladders import source
from approvals.on_call.queries import fewest_at_once, turns
from approvals.on_call.services import step_in
from tests import people, webhook_receiver
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_escalating import MINUTE, NIGHT, moved, opened, step, told
from tests.approvals.test_notifying_mail import until
from tests.approvals.test_on_call_pages import NEW, browser, kept, rotation, text
from tests.schedules import ID, SECRET_PATH, TOKEN, calendar, event, ok, opsgenie, pagerduty
from tests.webhook_receiver import DRIP, DROP, ENDLESS, HANG, Receiver, Sent, status
from workers.database import in_thread
from workers.on_call import keep_fetching

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTRIES = [
    (NOW - HOUR, NOW + HOUR, "ada@example.com"),
    (NOW + HOUR, NOW + 3 * HOUR, "grace@example.com"),
    (NOW + 2 * HOUR, NOW + 3 * HOUR, "stranger@example.com"),
]
EVENTS = [
    event(f":{begins:%Y%m%dT%H%M%SZ}", f":{ends:%Y%m%dT%H%M%SZ}", f"ATTENDEE:mailto:{email}", uid=email)
    for begins, ends, email in ENTRIES
]
SPEAKS: dict[Kind, Callable[[Sent], bytes]] = {
    Kind.PAGERDUTY: pagerduty(ENTRIES),
    Kind.OPSGENIE: opsgenie(ENTRIES),
    Kind.ICAL: lambda _: ok(calendar(*EVENTS)),
}
KINDS = list(Kind)


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with webhook_receiver.serving() as running:
        yield running


@pytest.fixture
def keeper(server: Receiver) -> Receiver:
    server.reset()
    return server


@pytest.fixture
def ada(db: None) -> Approver:
    return at_address(reachable(factories.approver("ada")), "ada@example.com")


@pytest.fixture
def grace(db: None) -> Approver:
    return at_address(reachable(factories.approver("grace")), "Grace@Example.com")


def at_address(approver: Approver, address: str) -> Approver:
    approver.person.email = address
    approver.person.save(update_fields=["email"])
    return approver


def schedule(keeper: Receiver, kind: Kind, **changes: Any) -> Schedule:
    root = f"http://127.0.0.1:{keeper.port}"
    values: dict[str, Any] = (
        {"id": ID, "token": TOKEN, "url": root} if kind != Kind.ICAL else {"url": root + SECRET_PATH}
    )
    return Schedule(**{"name": "primary", "kind": kind, "allow_private": True, **values, **changes})


def item(keeper: Receiver, kind: Kind = Kind.ICAL, **changes: Any) -> dict[str, Any]:
    """Return one of what ``ON_CALL_SCHEDULES`` lists."""
    root = f"http://127.0.0.1:{keeper.port}"
    own = {"url": root + SECRET_PATH} if kind == Kind.ICAL else {"url": root, "id": ID, "token": TOKEN}
    return {"name": "primary", "kind": kind.value, "allow_private": True, "allow_http": True, **own, **changes}


def name(settings: Any, *items: dict[str, Any]) -> None:
    settings.ON_CALL_SCHEDULES = json.dumps(items)


def fetched(one: Schedule, now: datetime = NOW) -> Fetched:
    return asyncio.run(fetch(one, now))


def trouble(one: Schedule) -> Trouble | None:
    failed = fetched(one).failed
    return failed.trouble if failed else None


def taken(**changes: Any) -> OnCallRotation:
    """Return a rotation that is taken from the schedule ``primary``."""
    return kept(name="Elsewhere", schedule="primary", hands_over=None, starts_on=None, **changes)


def take_in(one: Schedule, now: datetime = NOW) -> None:
    """Fetch and keep ``one``, as the loop does."""
    assert services.claim(named=[one.name], now=now) == one.name
    services.keep(name=one.name, fetched=fetched(one, now), now=now)


@pytest.mark.django_db
def test_what_was_before_stays_for_hand_over_lists_and_a_shift_that_goes_on_is_one(
    keeper: Receiver, settings: Any
) -> None:
    name(settings, item(keeper))
    taken()
    day = timedelta(days=1)
    whole = FetchedShift(NOW - 2 * day, NOW + 2 * day, "ada@example.com", "Ada")
    for hours in range(0, 72, 6):
        now = NOW + hours * HOUR
        OnCallSchedule.objects.update(due_at=now)
        services.claim(named=["primary"], now=now)
        begins = now - BEFORE
        found = tidy([whole, replace(whole, begins=whole.ends, ends=NOW + 9 * day)], begins, begins + AHEAD)
        services.keep(name="primary", fetched=Fetched(begins + AHEAD, found), now=now)
    rows = OnCallScheduleShift.objects.order_by("begins").values_list("begins", "ends")
    assert list(rows) == [(NOW - BEFORE, NOW + 2 * day), (NOW + 2 * day, NOW + 9 * day)]
    # Somebody else is put in from here on: what was stays as it was.
    now = NOW + 3 * day
    begins = now - BEFORE
    other = FetchedShift(begins, NOW + 9 * day, "grace@example.com", "Grace")
    services.keep(name="primary", fetched=Fetched(begins + AHEAD, [other]), now=now)
    assert list(OnCallScheduleShift.objects.order_by("begins").values_list("name", "begins", "ends"))[1:] == [
        ("Ada", NOW + 2 * day, begins),
        ("Grace", begins, NOW + 9 * day),
    ]
    # And goes when no list looks back so far.
    later = NOW + 60 * day
    services.keep(name="primary", fetched=Fetched(later + AHEAD, []), now=later)
    assert not OnCallScheduleShift.objects.exists()


def test_whoever_is_away_is_stood_in_for_elsewhere_too_and_steps_in_until_that_is_ended(
    keeper: Receiver, ada: Approver, grace: Approver
) -> None:
    keeper.speaks = SPEAKS[Kind.ICAL]
    made = taken()
    take_in(schedule(keeper, Kind.ICAL))
    Absence.objects.create(
        person=ada.person, stand_in=grace.person, begins=NOW, ends=NOW + HOUR / 2, made_by="tests", made_at=NOW
    )
    found = turns(made, absences(NOW, NOW + HOUR), NOW, NOW + HOUR)
    assert [(one.told, (one.ends - NOW) / HOUR) for one in found] == [(grace.person.pk, 0.5), (ada.person.pk, 1.0)]
    one = step_in(rotation=made, person=grace.person, begins=NOW, ends=NOW + HOUR, by=grace.person)
    assert source(made).on_call_at(NOW) == (grace.person.pk,)
    OnCallOverride.objects.filter(pk=one.pk).update(ended_at=NOW, ended_by="tests")
    assert source(OnCallRotation.objects.get(pk=made.pk)).on_call_at(NOW) == (ada.person.pk,)


def test_of_two_who_are_on_call_at_once_each_hands_over_their_own(
    settings: Any, keeper: Receiver, ada: Approver, grace: Approver
) -> None:
    name(settings, item(keeper))
    made, now = taken(), timezone.now().replace(microsecond=0)
    services.claim(named=["primary"], now=now)
    shifts = [
        FetchedShift(now - HOUR, now + 2 * HOUR, "ada@example.com", "Ada"),
        FetchedShift(now - HOUR, now + 2 * HOUR, "grace@example.com", "Grace"),
        FetchedShift(now + 2 * HOUR, now + AHEAD, "ada@example.com", "Ada"),
    ]
    services.keep(name="primary", fetched=Fetched(now - HOUR + AHEAD, shifts), now=now)

    def of(reader: Approver) -> tuple[str, str]:
        found = hand_over(made, of_the_last=False, person=reader.person, within=Reach(True, frozenset()), now=now)
        assert found is not None
        return found.person, found.next_person

    assert of(grace) == ("Grace", "Ada")
    assert of(ada) == ("Ada", "")


# --- Fetching -----------------------------------------------------------------------------------


@pytest.mark.either_database
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_asked_as_it_wants_and_understood(keeper: Receiver, kind: Kind) -> None:
    keeper.speaks = SPEAKS[kind]
    found = fetched(schedule(keeper, kind))
    assert found.failed is None
    assert [(one.begins, one.ends, one.email) for one in found.shifts] == ENTRIES
    assert found.known_until == NOW - HOUR + AHEAD
    assert {sent.headers["accept-encoding"] for sent in keeper.sent} == {"identity"}


ANSWERS: list[tuple[bytes, Trouble]] = [
    (status(401), Trouble.REFUSED),
    (status(403), Trouble.REFUSED),
    (b"HTTP/1.1 401 Said\r\n\r\n" + b"x" * 30_000_000, Trouble.REFUSED),
    (status(404), Trouble.NOT_FOUND),
    (status(410), Trouble.NOT_FOUND),
    (status(429, "retry-after: 90"), Trouble.BUSY),
    (status(503), Trouble.BUSY),
    (status(500), Trouble.BROKEN),
    (status(418), Trouble.UNEXPECTED),
    (status(204), Trouble.UNEXPECTED),
    (status(302, "location: http://169.254.169.254/latest/meta-data/"), Trouble.MOVED),
    (ok("<!doctype html><title>Sign in</title>"), Trouble.NOT_UNDERSTOOD),
    (ok(gzip.compress(b" " * 1_000_000), "content-encoding: gzip"), Trouble.NOT_UNDERSTOOD),
    (ok("[" * 100_000), Trouble.NOT_UNDERSTOOD),
    (DROP, Trouble.UNANSWERED),
    (ENDLESS, Trouble.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi", Trouble.UNANSWERED),
    (b"\x16\x03\x01 no http\r\n\r\n", Trouble.UNANSWERED),
]


@pytest.mark.either_database
@pytest.mark.parametrize("kind", KINDS)
def test_every_other_answer_is_a_trouble_with_a_sentence(keeper: Receiver, kind: Kind) -> None:
    for answer, expected in ANSWERS:
        keeper.answers.append(answer)
        failed = fetched(schedule(keeper, kind)).failed
        assert failed is not None
        assert failed.trouble is expected, answer[:40]
        said = sentence(failed.trouble, failed.detail)
        assert not any(secret in said for secret in (TOKEN, SECRET_PATH, "127.0.0.1", "169.254"))
        assert failed.asked_seconds == (90 if b"retry-after" in answer else 0)
    assert len(keeper.sent) == len(ANSWERS), "no redirect is followed"


@pytest.mark.either_database
@pytest.mark.parametrize("answer", [HANG, DRIP])
def test_a_server_that_hangs_or_drips_is_left_in_time(
    keeper: Receiver, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(outgoing, "SECONDS", 1.0)
    keeper.answers.append(answer)
    assert trouble(schedule(keeper, Kind.ICAL)) is Trouble.UNANSWERED


@pytest.mark.either_database
def test_an_address_inside_this_network_is_not_asked_unless_that_is_allowed(
    keeper: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS:
        assert trouble(schedule(keeper, kind, allow_private=False)) is Trouble.NOT_ALLOWED
    for address in ("169.254.169.254", "fe80::1", "0.0.0.0"):
        monkeypatch.setattr(outgoing, "look_up", lambda *_, found=address: [found])
        assert trouble(schedule(keeper, Kind.ICAL, url="http://calendar.test/")) is Trouble.NOT_ALLOWED
    monkeypatch.undo()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        assert trouble(schedule(keeper, Kind.ICAL, url=nobody)) is Trouble.UNREACHABLE
    assert trouble(schedule(keeper, Kind.ICAL, url="http://nowhere.invalid/")) is Trouble.UNREACHABLE
    assert not keeper.sent


WRONG: list[Any] = [
    None, [], "x", 7, {}, {"schedule": None}, {"schedule": {"final_schedule": {"rendered_schedule_entries": {}}}},
    {"schedule": {"final_schedule": {"rendered_schedule_entries": ["x"]}}},
    {"schedule": {"final_schedule": {"rendered_schedule_entries": [{"start": "soon", "end": None, "user": 7}]}}},
    {"schedule": {"final_schedule": {"rendered_schedule_entries": [{"start": "2026-03-27T12:00:00", "end": ""}]}}},
    {"data": []}, {"data": {"finalTimeline": {"rotations": [{"periods": 7}]}}},
    {"data": {"finalTimeline": {"rotations": [{"periods": [{"recipient": {"name": "x"}, "startDate": 7}]}]}}},
]  # fmt: skip


@pytest.mark.either_database
@pytest.mark.parametrize("kind", [Kind.PAGERDUTY, Kind.OPSGENIE])
def test_json_of_another_shape_is_refused(keeper: Receiver, kind: Kind) -> None:
    for wrong in WRONG:
        keeper.speaks = lambda _, wrong=wrong: ok(json.dumps(wrong).encode())  # type: ignore[misc]
        assert trouble(schedule(keeper, kind)) is Trouble.NOT_UNDERSTOOD, wrong


@pytest.mark.either_database
def test_whom_a_service_names_without_an_address_is_kept_by_name(keeper: Receiver) -> None:
    span = {"startDate": "2026-03-27T12:00:00Z", "endDate": "2026-03-27T13:00:00Z"}
    team = {**span, "recipient": {"type": "team", "name": "Night\x00 team"}}
    flat = {**span, "flattenedRecipients": [{"type": "user", "name": "ada@example.com"}, {"type": "none"}, 7]}
    nobody = {**span, "recipient": {"type": "none", "name": "none"}}
    rotations = [{"periods": [team, flat, nobody, {**span, "recipient": None}, {**span, "flattenedRecipients": 7}]}]
    keeper.answers.append(ok({"data": {"finalTimeline": {"rotations": rotations}}}))
    found = fetched(schedule(keeper, Kind.OPSGENIE)).shifts
    assert [(one.email, one.name) for one in found] == [("", "Night team"), ("ada@example.com", "ada@example.com")]
    entry = {
        "start": "2026-03-27T12:00:00Z",
        "end": "2026-03-27T13:00:00Z",
        "user": {"id": "P1", "summary": "Ada \ud800"},
    }
    keeper.answers.append(ok({"schedule": {"final_schedule": {"rendered_schedule_entries": [entry]}}}))
    keeper.answers.append(ok({"users": [{"id": "P2", "email": "x@example.com"}, {"id": "P3"}]}))
    found = fetched(schedule(keeper, Kind.PAGERDUTY)).shifts
    assert [(one.email, one.name) for one in found] == [("", "Ada")]


@pytest.mark.either_database
def test_more_shifts_than_anybody_has_are_refused(keeper: Receiver) -> None:
    minute = timedelta(minutes=1)
    many = [(NOW + number * minute, NOW + (number + 1) * minute, "ada@example.com") for number in range(1001)]
    keeper.speaks = opsgenie(many)
    assert trouble(schedule(keeper, Kind.OPSGENIE)) is Trouble.TOO_MANY


# --- Keeping ------------------------------------------------------------------------------------


def test_who_is_on_call_is_known_by_verified_address_several_at_once(
    keeper: Receiver, ada: Approver, grace: Approver
) -> None:
    keeper.speaks = SPEAKS[Kind.PAGERDUTY]
    asked = source(taken())
    assert asked.on_call_at(NOW) == (), "nothing is fetched yet"
    take_in(schedule(keeper, Kind.PAGERDUTY))
    sent = len(keeper.sent)
    assert asked.on_call_at(NOW) == (ada.person.pk,)
    assert asked.on_call_at(NOW + HOUR) == (grace.person.pk,)
    assert asked.on_call_at(NOW + 3 * HOUR) == ()
    # Whoever comes to be known is on call at once.
    stranger = at_address(factories.approver("alan"), "stranger@example.com")
    assert asked.on_call_at(NOW + 2 * HOUR) == tuple(sorted((grace.person.pk, stranger.person.pk)))
    # An address that two people have is nobody's; one who has left does not count beside one who is here.
    Person.objects.create(username="double", email="ADA@example.com")
    assert asked.on_call_at(NOW) == ()
    Person.objects.filter(username="double").update(is_active=False)
    assert asked.on_call_at(NOW) == (ada.person.pk,)
    assert len(keeper.sent) == sent, "nobody is asked while it is decided whom to tell"


def test_somebody_steps_in_for_all_who_are_on_call_elsewhere(keeper: Receiver, ada: Approver, grace: Approver) -> None:
    keeper.speaks = SPEAKS[Kind.ICAL]
    made = taken()
    take_in(schedule(keeper, Kind.ICAL))
    step_in(rotation=made, person=ada.person, begins=NOW + HOUR, ends=NOW + 2 * HOUR, by=grace.person)
    asked = source(made)
    assert asked.on_call_at(NOW + HOUR) == (ada.person.pk,)
    found = [
        (one.person, one.email, (one.begins - NOW) / HOUR, (one.ends - NOW) / HOUR, one.is_override)
        for one in asked.shifts(NOW, NOW + 4 * HOUR)
    ]
    assert found == [
        (ada.person.pk, "", 0, 1, False),
        (ada.person.pk, "", 1, 2, True),
        (grace.person.pk, "", 2, 3, False),
        (None, "stranger@example.com", 2, 3, False),
        (None, "", 3, 4, False),
    ]  # fmt: skip


def test_what_was_known_stays_in_force_while_fetching_fails_and_ends_as_a_gap(keeper: Receiver, ada: Approver) -> None:
    keeper.speaks = lambda _: ok(
        calendar(event(":20260101T000000Z", ":20270101T000000Z", "ATTENDEE:mailto:ada@example.com"))
    )
    asked, one = source(taken()), schedule(keeper, Kind.ICAL)
    take_in(one)
    keeper.speaks = lambda _: status(500)
    take_in(one, NOW + services.EVERY)
    row = OnCallSchedule.objects.get()
    assert (row.trouble, row.failing_since, row.fetched_at) == ("broken", NOW + services.EVERY, NOW)
    take_in(one, NOW + HOUR)
    row.refresh_from_db()
    assert row.failing_since == NOW + services.EVERY, "since the first time"
    end = NOW - HOUR + AHEAD
    assert asked.on_call_at(end - MINUTE) == (ada.person.pk,)
    assert asked.on_call_at(end) == ()
    (_, gap) = asked.shifts(NOW, end + HOUR)
    assert (gap.begins, gap.is_known) == (end, False)
    keeper.speaks = lambda _: ok(calendar())
    take_in(one, NOW + 2 * HOUR)
    row.refresh_from_db()
    assert (row.trouble, row.failing_since) == ("", None)
    assert asked.on_call_at(NOW + 2 * HOUR) == ()


def test_a_schedule_is_fetched_when_it_is_due_by_one_and_only_if_it_is_used_and_named(
    keeper: Receiver, ada: Approver
) -> None:
    assert services.claim(named=["primary"], now=NOW) is None
    taken()
    assert services.claim(named=["another"], now=NOW) is None
    assert services.claim(named=["primary"], now=NOW) == "primary"
    assert services.claim(named=["primary"], now=NOW) is None
    assert services.claim(named=["primary"], now=NOW + services.LEASE) == "primary", "whoever had it has died"
    until = NOW + AHEAD
    services.keep(name="primary", fetched=Fetched(until), now=NOW)
    assert services.claim(named=["primary"], now=NOW + services.EVERY - MINUTE) is None
    busy = FetchFailed(Trouble.BUSY, "429", asked_seconds=900)
    services.keep(name="primary", fetched=Fetched(until, failed=busy), now=NOW)
    assert services.claim(named=["primary"], now=NOW + 14 * MINUTE) is None
    assert not services.fetch_soon(name="primary", now=NOW)
    assert services.claim(named=["primary"], now=NOW + 15 * MINUTE) == "primary"
    broken = FetchFailed(Trouble.BROKEN, "x" * 1000 + "\x00")
    services.keep(name="primary", fetched=Fetched(until, failed=broken), now=NOW)
    assert services.fetch_soon(name="primary", now=NOW)
    assert services.claim(named=["primary"], now=NOW) == "primary"
    OnCallRotation.objects.all().delete()
    assert services.claim(named=["primary"], now=NOW) is None
    assert not OnCallSchedule.objects.exists(), "addresses that nobody needs"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_look_at_once_one_fetches() -> None:
    taken()
    claims: list[str | None] = []
    together = threading.Barrier(5)

    def look() -> None:
        together.wait()
        try:
            claims.append(services.claim(named=["primary"], now=NOW))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(filter(None, claims)) == ["primary"]


@pytest.mark.django_db
def test_a_rotation_has_turns_or_a_schedule() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        kept(hands_over=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        kept(starts_on=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        OnCallSchedule.objects.create(name="x", due_at=NOW, trouble="broken")


# --- The ladder, by a clock of its own -----------------------------------------------------------


def test_the_ladder_runs_over_a_hand_over_elsewhere_and_a_change_of_the_clock(
    settings: Any, keeper: Receiver, ada: Approver, grace: Approver
) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    # They hand over at 2:30 in Berlin, which does not exist this night: at 1:30 in UTC, after the clock was changed.
    first = event(";TZID=Europe/Berlin:20260328T023000", ";TZID=Europe/Berlin:20260329T023000", uid="a")
    second = event(";TZID=Europe/Berlin:20260329T023000", ";TZID=Europe/Berlin:20260330T023000", uid="b")
    both = calendar(f"{first}\nATTENDEE:mailto:ada@example.com", f"{second}\nATTENDEE:mailto:grace@example.com")
    keeper.speaks = lambda _: ok(both)
    made = taken()
    take_in(schedule(keeper, Kind.ICAL), NIGHT)
    hand_over = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert source(made).on_call_at(hand_over - timedelta(seconds=1)) == (ada.person.pk,)
    assert source(made).on_call_at(hand_over) == (grace.person.pk,)
    step(made, wait_minutes=30)
    step(made, wait_minutes=20)
    step(made, wait_minutes=5)
    alan = reachable(factories.approver("alan"))
    opened(settings, ada, grace, alan)
    settings.SLACK_TEAM_ID = ""
    assert told() == {"local:ada"}
    # 1:20 in UTC: Ada still is on call, and was told. That step passes on, and so does the third.
    assert moved(39 * MINUTE) == 1
    assert told() == {"local:ada", "local:grace", "local:alan"}


def test_a_hand_over_elsewhere_between_two_steps(
    settings: Any, keeper: Receiver, ada: Approver, grace: Approver
) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    edge = NIGHT + 40 * MINUTE
    keeper.speaks = pagerduty([(NIGHT - HOUR, edge, "ada@example.com"), (edge, NIGHT + 9 * HOUR, "grace@example.com")])
    made = taken()
    take_in(schedule(keeper, Kind.PAGERDUTY), NIGHT)
    step(made, wait_minutes=40)
    step(made, wait_minutes=20)
    opened(settings, ada, grace)
    settings.SLACK_TEAM_ID = ""
    assert told() == {"local:ada"}
    assert moved(40 * MINUTE) == 1
    assert told() == {"local:ada", "local:grace"}


# --- Pages --------------------------------------------------------------------------------------


@pytest.fixture
def sam(db: None) -> Client:
    return browser(people.person("sam", Role.SECURITY_ADMINISTRATOR))


def form(**changes: Any) -> dict[str, Any]:
    usual = {"name": "Elsewhere", "schedule": "primary", "hands_over": "", "starts_on": ""}
    return rotation(**{**usual, **changes})


def test_a_rotation_is_taken_from_a_schedule_shown_and_given_people_again(
    settings: Any, keeper: Receiver, ada: Approver, sam: Client
) -> None:
    assert 'name="schedule"' not in text(sam, NEW), "nothing to choose"
    name(settings, item(keeper, Kind.PAGERDUTY))
    assert "taken from primary (PagerDuty)" in text(sam, NEW)
    assert sam.post(NEW, form(schedule="unknown")).status_code == 422
    assert sam.post(NEW, form()).status_code == 302
    made = OnCallRotation.objects.get()
    assert (made.schedule, made.members.count()) == ("primary", 0)
    assert "which is not fetched yet" in text(sam)
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    strange = "<b>strange</b>@example.com"
    keeper.speaks = pagerduty([(now - HOUR, now + HOUR, "ada@example.com"), (now - HOUR, now + HOUR, strange)])
    take_in(schedule(keeper, Kind.PAGERDUTY), now)
    html = text(sam)
    assert "Taken from primary (PagerDuty), fetched" in html
    assert "<strong>Ada</strong>" in html
    assert "&lt;B&gt;Strange&lt;/B&gt; &lt;&lt;b&gt;strange&lt;/b&gt;@example.com&gt;</strong>" in html
    assert "is not known here: no account has this verified address" in html
    assert "nobody is on call" in html
    assert "example.com" not in text(browser(ada.person)), "addresses are for those who can correct them"
    assert fewest_at_once({"default": {"local:ada"}}) == {"default": 0}
    address = f"{NEW}{made.pk}/"
    settings.ON_CALL_SCHEDULES = ""
    assert "which ON_CALL_SCHEDULES does not name" in text(sam, address)
    assert "ON_CALL_SCHEDULES does not name it any more." in text(sam)
    assert sam.post(address, form(schedule="", person_1=ada.person.pk)).status_code == 422
    assert sam.post(address, rotation(ada.person)).status_code == 302
    made.refresh_from_db()
    assert (made.schedule, made.hands_over, made.starts_on) == ("", time(9), date(2026, 1, 5))


@pytest.mark.django_db
def test_a_schedule_of_other_namespaces_is_not_offered_nor_taken(settings: Any, keeper: Receiver) -> None:
    paula = people.person("paula", Role.SECURITY_ADMINISTRATOR, namespace="payments")
    name(settings, item(keeper, namespaces=["payments"]), item(keeper, name="secondary", namespaces=["incidents"]))
    client = browser(paula)
    page = text(client, NEW)
    assert "taken from primary" in page
    assert "secondary" not in page
    for schedule, namespace, status_code in (
        ("secondary", "payments", 422),
        ("primary", "payments", 302),
    ):
        answer = client.post(NEW, form(schedule=schedule, namespace=namespace))
        assert answer.status_code == status_code
    everywhere = browser(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    answer = everywhere.post(NEW, form(name="Other", schedule="secondary", namespace="payments"))
    assert answer.status_code == 422
    assert "keeps this schedule for other namespaces" in answer.text
    assert list(OnCallRotation.objects.values_list("schedule", "namespace")) == [("primary", "payments")]


def test_two_who_are_on_call_at_once_count_for_a_quorum(keeper: Receiver, ada: Approver, grace: Approver) -> None:
    always = [
        (timezone.now() - HOUR, timezone.now() + AHEAD, email) for email in ("ada@example.com", "grace@example.com")
    ]
    keeper.speaks = opsgenie(always)
    taken()
    take_in(schedule(keeper, Kind.OPSGENIE), timezone.now())
    assert fewest_at_once({"default": {"local:ada", "local:grace"}}) == {"default": 2}


def test_a_schedule_in_trouble_is_seen_where_people_and_operators_look(
    settings: Any, keeper: Receiver, ada: Approver, sam: Client
) -> None:
    name(settings, item(keeper))
    taken()
    keeper.answers.append(status(401))
    take_in(schedule(keeper, Kind.ICAL), timezone.now())
    for html in (text(sam), text(browser(ada.person)), text(sam, "/notifications/log/")):
        assert "primary (iCalendar) cannot be fetched since" in html
        assert "It refuses the token, or the secret in the address (401)." in html
        assert "Nothing is known yet" in html
        assert SECRET_PATH not in html
    assert "nobody is known: what was fetched last ends before" in text(sam)
    elsewhere = browser(people.person("elsewhere", Role.AUDITOR, namespace="billing"))
    assert "cannot be fetched" in text(elsewhere, "/notifications/log/")
    OnCallRotation.objects.update(namespace="payments")
    assert "cannot be fetched" not in text(elsewhere, "/notifications/log/")


def test_fetch_now_is_for_those_who_edit_the_rotation_and_asks_nobody_itself(
    settings: Any, keeper: Receiver, ada: Approver, sam: Client
) -> None:
    name(settings, item(keeper))
    made = taken()
    keeper.speaks = SPEAKS[Kind.ICAL]
    now = timezone.now()
    take_in(schedule(keeper, Kind.ICAL), now)
    sent, address = len(keeper.sent), f"{NEW}{made.pk}/fetch/"
    assert address in text(sam)
    assert address not in text(browser(ada.person))
    assert browser(ada.person).post(address).status_code == 404
    local = browser(people.person("local", Role.SECURITY_ADMINISTRATOR, namespace="payments"))
    assert local.post(address).status_code == 404
    assert sam.get(address).status_code == 405
    assert services.claim(named=["primary"], now=timezone.now()) is None
    assert "fetched within some seconds" in sam.post(address, follow=True).content.decode()
    assert services.claim(named=["primary"], now=timezone.now()) == "primary"
    assert len(keeper.sent) == sent
    assert sam.post(f"{NEW}{kept(ada.person).pk}/fetch/").status_code == 404, "nothing to fetch"


# --- The loop and the command --------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_the_loop_fetches_what_is_due_and_goes_on_after_failures(settings: Any, keeper: Receiver) -> None:
    name(settings, item(keeper))
    keeper.answers.extend([status(500)])
    keeper.speaks = lambda _: ok(calendar())
    await in_thread(taken)
    loop = asyncio.create_task(keep_fetching(look_seconds=0.05))
    try:
        await until(lambda: OnCallSchedule.objects.filter(trouble="broken").exists())
        await in_thread(lambda: services.fetch_soon(name="primary", now=timezone.now()))
        await until(lambda: OnCallSchedule.objects.filter(trouble="", fetched_at__isnull=False).exists())
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


@pytest.mark.django_db(transaction=True)
async def test_the_loop_stops_at_once_also_while_a_server_hangs(settings: Any, keeper: Receiver) -> None:
    name(settings, item(keeper))
    keeper.answers.append(HANG)
    await in_thread(taken)
    loop = asyncio.create_task(keep_fetching(look_seconds=0.05))
    await until(lambda: bool(keeper.sent))
    loop.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(loop, return_exceptions=True)


def test_the_command_says_what_was_understood_and_keeps_nothing(settings: Any, keeper: Receiver, ada: Approver) -> None:
    with pytest.raises(CommandError, match="it has: none"):
        call_command("on_call")
    name(settings, item(keeper), item(keeper, name="away", url="http://nowhere.invalid/"))
    begins = timezone.now().replace(microsecond=0)
    both = [
        event(
            f":{begins:%Y%m%dT%H%M%SZ}", f":{begins + HOUR:%Y%m%dT%H%M%SZ}", f"ATTENDEE;CN=C:mailto:{email}", uid=email
        )
        for email in ("ada@example.com", "x@example.com")
    ]
    keeper.speaks = lambda _: ok(calendar(*both))
    output = StringIO()
    call_command("on_call", "primary", stdout=output)
    said = output.getvalue()
    assert "primary (iCalendar): 2 shifts until" in said
    assert "UTC: Ada (local:ada)\n" in said
    assert "UTC: C x@example.com: not known here\n" in said
    with pytest.raises(CommandError, match="Not every schedule"):
        call_command("on_call", stdout=output)
    assert "away (iCalendar): It cannot be reached: its host is not known." in output.getvalue()
    with pytest.raises(CommandError, match="it has: primary, away"):
        call_command("on_call", "other")
    assert not OnCallSchedule.objects.exists()


# --- The setting --------------------------------------------------------------------------------

A_CALENDAR = {"name": "a", "kind": "ical", "url": f"https://a.example{SECRET_PATH}"}
A_SERVICE = {"name": "a", "kind": "pagerduty", "id": ID, "token": TOKEN}


@pytest.mark.either_database
def test_the_setting_names_schedules_of_each_kind() -> None:
    eu = {**A_SERVICE, "name": "eu", "kind": "opsgenie", "region": "eu", "id": "8418d193-2a1b-4490-b331-8c02cdd196b7"}
    webcal = {**A_CALENDAR, "name": "c", "url": f"webcal://a.example{SECRET_PATH}", "time_zone": "Europe/Berlin"}
    first, second, third = parse(json.dumps([A_SERVICE, eu, webcal]))
    assert (first.url, second.url) == ("https://api.pagerduty.com", "https://api.eu.opsgenie.com")
    assert (third.url, third.time_zone, third.allow_private) == (
        f"https://a.example{SECRET_PATH}",
        "Europe/Berlin",
        False,
    )
    for one in (first, second, third):
        assert not any(secret in repr(one) for secret in (TOKEN, SECRET_PATH, "https"))


@pytest.mark.either_database
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "JSON list"),
        (["a"], "schedule 1: name"),
        ([A_CALENDAR, A_SERVICE], "same name"),
        ([{**A_CALENDAR, "kind": "google"}], "a: kind must be one of pagerduty, opsgenie, ical"),
        ([{**A_CALENDAR, "kind": 7}], "a: kind"),
        ([{**A_CALENDAR, "token": TOKEN}], "a: token is nothing that ical has"),
        ([{**A_SERVICE, "time_zone": "UTC"}], "a: time_zone is nothing"),
        ([{**A_CALENDAR, "time_zone": "Mars/Olympus"}], "a: time_zone"),
        ([{**A_CALENDAR, "url": f"http://a.example{SECRET_PATH}"}], "a: url"),
        ([{**A_CALENDAR, "url": f"https://me:pw@a.example{SECRET_PATH}"}], "a: url"),
        ([{**A_CALENDAR, "url": None}], "a: url"),
        ([{**A_CALENDAR, "url": f"file://{SECRET_PATH}"}], "a: url"),
        ([{**A_SERVICE, "id": "../users"}], "a: id"),
        ([{**A_SERVICE, "id": ""}], "a: id"),
        ([{**A_SERVICE, "token": f"{TOKEN}\r\nx: y"}], "a: token"),
        ([{**A_SERVICE, "token": f"{TOKEN}ü"}], "a: token"),
        ([{**A_SERVICE, "token": ""}], "a: token"),
        ([{**A_SERVICE, "region": "mars"}], "a: region"),
        ([{**A_SERVICE, "secret": TOKEN}], "a: secret is unknown"),
        ([{**A_SERVICE, "allow_private": "yes"}], "a: allow_private"),
        ([{**A_SERVICE, "namespaces": "payments"}], "a: namespaces"),
    ],
)
def test_what_cannot_be_read_stops_every_command_and_is_not_quoted(settings: Any, value: Any, said: str) -> None:
    settings.ON_CALL_SCHEDULES = value if isinstance(value, str) else json.dumps(value)
    (problem,) = check_schedules()
    assert said in problem.msg
    assert not any(secret in problem.msg for secret in (TOKEN, SECRET_PATH, "a.example"))
    with pytest.raises(MalformedSetting):
        schedules()


@pytest.mark.either_database
def test_every_trouble_has_a_sentence() -> None:
    assert all(sentence(one, "x").endswith(".") for one in Trouble)
    assert asking.MOST_JSON_BYTES < 2**30
