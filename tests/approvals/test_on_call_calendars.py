"""Reading others' calendars: what they really hold, and whatever somebody puts into one. No database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from approvals.on_call.elsewhere import ical
from approvals.on_call.elsewhere.contracts import AHEAD, FetchedShift, FetchFailed, Trouble
from approvals.on_call.elsewhere.ical_reader import read
from tests.config.source import ROOT
from tests.schedules import calendar, event

pytestmark = pytest.mark.either_database
# Berlin's clocks go from 2:00 to 3:00 on 29 March 2026, New York's did on 8 March.
BEGINS = datetime(2026, 3, 20, tzinfo=UTC)
ENDS = BEGINS + AHEAD
ADA = "ATTENDEE;CN=Ada:mailto:ada@example.com"
NINE_TO_TEN = (":20260327T090000Z", ":20260327T100000Z")


def shifts(*events: str, head: str = "", zone: str = "Europe/Berlin") -> list[FetchedShift]:
    return read(calendar(*events, head=head), BEGINS, ENDS, zone)


def spans(found: Sequence[FetchedShift]) -> list[tuple[str, str]]:
    return [(f"{one.begins:%d %H:%M}", f"{one.ends:%d %H:%M}") for one in found]


def people(*lines: str) -> list[tuple[str, str]]:
    return [(one.email, one.name) for one in shifts(event(*NINE_TO_TEN, *lines))]


def in_a_process(data: bytes) -> tuple[list[FetchedShift] | Trouble, float]:
    """Return what the reader's process makes of ``data``, and how many seconds it took."""
    begun = time.monotonic()
    try:
        found: list[FetchedShift] | Trouble = asyncio.run(ical.read(data, BEGINS, ENDS, time_zone="UTC"))
    except FetchFailed as failed:
        found = failed.trouble
    return found, time.monotonic() - begun


# --- When ---------------------------------------------------------------------------------------


def test_times_are_read_by_their_zone_or_the_calendars_or_the_settings() -> None:
    berlin = event(";TZID=Europe/Berlin:20260327T090000", ";TZID=Europe/Berlin:20260327T210000", ADA)
    assert spans(shifts(berlin)) == [("27 08:00", "27 20:00")]
    windows = berlin.replace("Europe/Berlin", "W. Europe Standard Time")
    assert spans(shifts(windows)) == [("27 08:00", "27 20:00")]
    floating = event(":20260327T090000", ":20260327T210000", ADA)
    assert spans(shifts(floating)) == [("27 08:00", "27 20:00")]
    assert spans(shifts(floating, zone="UTC")) == [("27 09:00", "27 21:00")]
    assert spans(shifts(floating, head="X-WR-TIMEZONE:America/New_York")) == [("27 13:00", "28 01:00")]


def test_a_zone_that_the_calendar_describes_is_read_as_described() -> None:
    described = "\n".join(
        ["BEGIN:VTIMEZONE", "TZID:Ours", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0530",
         "TZOFFSETTO:+0530", "END:STANDARD", "END:VTIMEZONE"]
    )  # fmt: skip
    found = shifts(event(";TZID=Ours:20260327T090000", ";TZID=Ours:20260327T210000", ADA), head=described)
    assert spans(found) == [("27 03:30", "27 15:30")]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "+99:99", "Europe/Atlantis\x07"])
def test_a_zone_that_nobody_knows_is_refused_by_name_and_not_read_as_another(zone: str) -> None:
    lost = event(f";TZID={zone}:20260327T090000", f";TZID={zone}:20260327T210000", ADA)
    with pytest.raises(FetchFailed) as refused:
        shifts(lost)
    assert refused.value.trouble is Trouble.NOT_UNDERSTOOD
    with pytest.raises(FetchFailed, match="which is not known"):
        shifts(event(*NINE_TO_TEN, ADA), head=f"X-WR-TIMEZONE:{zone}")


def test_an_event_of_the_past_may_be_in_any_zone() -> None:
    past = event(";TZID=Mars/Olympus:20200327T090000", ";TZID=Mars/Olympus:20200327T210000", ADA, uid="2")
    assert len(shifts(event(*NINE_TO_TEN, ADA), past)) == 1


def test_whole_days_last_from_midnight_to_midnight_there_over_the_change_of_the_clock() -> None:
    found = shifts(event(";VALUE=DATE:20260327", ";VALUE=DATE:20260330", ADA))
    assert spans(found) == [("26 23:00", "29 22:00")]


def test_a_rule_goes_by_the_clock_on_the_wall_over_its_change() -> None:
    weekly = event(
        ";TZID=Europe/Berlin:20260103T023000", ";TZID=Europe/Berlin:20260103T143000", ADA, "RRULE:FREQ=DAILY"
    )
    found = spans(shifts(weekly))
    assert found[8] == ("28 01:30", "28 13:30")
    # 2:30 does not exist on that day, and comes as if the clock had not been changed yet.
    assert found[9] == ("29 01:30", "29 12:30")
    assert found[10] == ("30 00:30", "30 12:30")


def test_exceptions_moved_and_added_occurrences_count() -> None:
    daily = event(
        *NINE_TO_TEN, ADA, "RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20260328T090000Z", "RDATE:20260410T090000Z", uid="s"
    )
    moved = event(":20260329T120000Z", ":20260329T130000Z", "ATTENDEE:mailto:grace@example.com", uid="s")
    moved += "\nRECURRENCE-ID:20260329T090000Z"
    found = shifts(daily, moved)
    assert [(one.begins.strftime("%d %H"), one.email[:3]) for one in found] == [
        ("27 09", "ada"), ("29 12", "gra"), ("30 09", "ada"), ("10 09", "ada"),
    ]  # fmt: skip
    assert not shifts(event(*NINE_TO_TEN, ADA, "STATUS:CANCELLED"))


def test_events_that_share_a_uid_by_mistake_all_count_and_the_newest_of_one_event() -> None:
    second = event(":20260328T090000Z", ":20260328T100000Z", ADA)
    assert spans(shifts(event(*NINE_TO_TEN, ADA), second)) == [("27 09:00", "27 10:00"), ("28 09:00", "28 10:00")]
    assert spans(shifts(event(*NINE_TO_TEN, ADA), f"{second}\nSEQUENCE:2")) == [("28 09:00", "28 10:00")]


def test_an_event_of_centuries_is_cut_to_the_coming_weeks() -> None:
    (found,) = shifts(event(":19000101T000000Z", ":21000101T000000Z", ADA))
    assert (found.begins, found.ends) == (BEGINS, ENDS)
    for begins, ends in ((":00010101T000000", ":99991231T235959"), (":10000101T000000Z", ":99991231T235959Z")):
        with pytest.raises(FetchFailed):
            shifts(event(begins, ends, ADA))


# --- Who ----------------------------------------------------------------------------------------


def test_who_is_on_call_is_who_is_invited_and_not_who_planned_it() -> None:
    title = "SUMMARY:On Call - Hello Kitty - Alpha"
    # As PagerDuty writes it.
    assert people("ATTENDEE:hello.kitty@example.com", title) == [
        ("hello.kitty@example.com", "On Call - Hello Kitty - Alpha")
    ]
    # As Google writes it.
    assert people(
        "ORGANIZER;CN=Boss:mailto:boss@example.com",
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN=Ada;X-NUM-GUESTS=0:mailto:ada@example.com",
        "ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=DECLINED;CN=Bob:mailto:bob@example.com",
        "ATTENDEE;CUTYPE=RESOURCE;CN=Room:mailto:room@example.com",
        title,
    ) == [("ada@example.com", "Ada")]
    assert people(ADA, "ATTENDEE;CN=Grace:mailto:grace@example.com") == [
        ("ada@example.com", "Ada"), ("grace@example.com", "Grace"),
    ]  # fmt: skip


def test_without_guests_it_is_whose_address_stands_in_the_title_or_nobody_known() -> None:
    assert [email for email, _ in people("SUMMARY:<grace@example.com>\\, then bob@example.com.")] == [
        "bob@example.com", "grace@example.com",
    ]  # fmt: skip
    assert people("SUMMARY:Grace is on call", "ORGANIZER:mailto:boss@example.com") == [("", "Grace is on call")]
    assert people() == [("", "")]


def test_what_is_no_address_names_nobody_and_what_is_not_ascii_is_read() -> None:
    assert people("ATTENDEE:mailto:not an address", "SUMMARY:Wär\x07e") == [("", "Wär e")]
    assert people('ATTENDEE;CN="Björk, Ü":MAILTO:bj%C3%B6rk@example.com') == [("björk@example.com", "Björk, Ü")]
    assert people(f"ATTENDEE;CN=Long:mailto:{'x' * 300}@example.com") == [("", "Long")]
    assert people("ATTENDEE;CN=Ada:mailto:ada@example.com%0D%0Abcc:x@example.com")[0][0] == ""


# --- Whatever somebody puts there ----------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<!doctype html><title>Sign in</title>", b'{"error": "no"}', b"\x1f\x8b\x08gzip",
        b"BEGIN:VCALENDAR", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n",
        b"BEGIN:VCALENDAR\r\n\xff\xfe\r\nEND:VCALENDAR\r\n",
        calendar("UID:1\nDTSTART:nonsense\nDTEND:20260327T080000Z"), calendar(event(*NINE_TO_TEN, "RRULE:FREQ=NEVER")),
        calendar(event(*NINE_TO_TEN, "RRULE:FREQ=DAILY;INTERVAL=-1")), calendar("UID:1\nRRULE:FREQ=DAILY"),
        calendar(event(*NINE_TO_TEN, "EXDATE:yesterday", "RRULE:FREQ=DAILY")),
    ],
)  # fmt: skip
def test_what_is_no_calendar_or_a_broken_one_is_refused(data: bytes) -> None:
    with pytest.raises(FetchFailed) as refused:
        read(data, BEGINS, ENDS, "UTC")
    assert refused.value.trouble is Trouble.NOT_UNDERSTOOD


def test_a_hundred_thousand_events_of_the_past_are_read_in_seconds() -> None:
    first, five = datetime(1960, 1, 1, tzinfo=UTC), timedelta(hours=5)
    past = [
        event(f":{first + number * five:%Y%m%dT%H%M%SZ}", f":{first + (number + 1) * five:%Y%m%dT%H%M%SZ}", ADA)
        for number in range(100_000)
    ]
    found, seconds = in_a_process(calendar(*past, event(*NINE_TO_TEN, ADA, uid="now")))
    assert isinstance(found, list)
    assert ("27 09:00", "27 10:00") in spans(found)
    assert seconds < 20, "about one on an idle machine"


def test_a_hundred_thousand_events_of_the_coming_weeks_are_refused_in_seconds() -> None:
    found, seconds = in_a_process(calendar(*[event(*NINE_TO_TEN, ADA, uid=str(number)) for number in range(100_000)]))
    assert found is Trouble.TOO_MANY
    assert seconds < 20


def test_more_shifts_than_anybody_has_are_refused() -> None:
    found, _ = in_a_process(calendar(event(*NINE_TO_TEN, ADA, "RRULE:FREQ=HOURLY;BYMINUTE=0,20,40")))
    assert found is Trouble.TOO_MANY


@pytest.mark.parametrize(
    "data",
    [
        calendar(event(":19700101T000000Z", ":19700101T000001Z", ADA, "RRULE:FREQ=SECONDLY")),
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 1_000_000,
    ],
    ids=["every second since 1970", "a million beginnings"],
)
def test_what_would_be_read_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(ical, "READ_SECONDS", 5.0)
    found, seconds = in_a_process(data)
    assert found is Trouble.TOO_COSTLY
    assert seconds < 30


@pytest.mark.parametrize(
    ("limit", "title", "ended"),
    [("WORK_SECONDS = 2", "Night", -signal.SIGKILL), ("MEMORY_BYTES = 150 * 2**20", "x" * 30_000_000, 1)],
    ids=["work", "memory"],
)
def test_the_process_ends_by_its_own_limits(limit: str, title: str, ended: int) -> None:
    endless = calendar(event(":19700101T000000Z", ":19700101T000001Z", f"SUMMARY:{title}", "RRULE:FREQ=SECONDLY"))
    program = f"from approvals.on_call.elsewhere import ical_reader as it; it.{limit}; it.main()"
    asked = json.dumps([BEGINS.isoformat(), ENDS.isoformat(), "UTC"]).encode()
    reader = subprocess.run(
        [sys.executable, "-c", program], input=asked + b"\n" + endless, capture_output=True, timeout=100, cwd=ROOT
    )
    assert (reader.returncode, reader.stdout) == (ended, b"")


def test_the_process_gets_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    start = asyncio.create_subprocess_exec

    async def spy(*command: str, **options: object) -> object:
        seen.append(dict(options["env"]))  # type: ignore[call-overload]
        return await start(*command, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    assert os.environ["SECRET_KEY"]
    assert in_a_process(calendar(event(*NINE_TO_TEN, ADA)))[0]
    assert seen == [{}]


async def test_a_reader_that_is_not_waited_for_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def spy(*command: str, **options: object) -> asyncio.subprocess.Process:
        started.append(await start(*command, **options))  # type: ignore[arg-type]
        begun.set()
        return started[0]

    begun = asyncio.Event()
    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    endless = calendar(event(":19700101T000000Z", ":19700101T000001Z", ADA, "RRULE:FREQ=SECONDLY"))
    reading = asyncio.create_task(ical.read(endless, BEGINS, ENDS, time_zone="UTC"))
    await begun.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert started[0].returncode == -9
