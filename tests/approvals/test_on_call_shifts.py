"""Who is on call when: no hole and no overlap in a year, over every change of the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.on_call.contracts import Override, Rotation, Shift, Why
from approvals.on_call.shifts import gaps, on_call_at, shifts

ADA, GRACE, ALAN = 1, 2, 3
BERLIN = ZoneInfo("Europe/Berlin")
DAILY = Rotation((ADA, GRACE), time(9), "Europe/Berlin", date(2026, 1, 5), every_days=1)
# Lord Howe changes by half an hour, Apia left out a day in 2011, Casablanca changes for Ramadan.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]

minutes = st.times().map(lambda at: at.replace(second=0, microsecond=0))
moments = st.integers(0, 450 * 24 * 60).map(lambda late: datetime(2010, 12, 1, tzinfo=UTC) + timedelta(minutes=late))
rotations = st.builds(
    Rotation,
    people=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    hands_over=minutes,
    time_zone=st.sampled_from(ZONES),
    starts_on=st.dates(date(2010, 11, 1), date(2010, 12, 25)),
    every_days=st.integers(1, 20),
    weekday=st.none() | st.integers(0, 6),
)
overrides = st.lists(
    st.builds(
        lambda person, begins, hours: Override(person, begins, begins + timedelta(hours=hours)),
        st.integers(6, 9),
        moments,
        st.integers(1, 200),
    ),
    max_size=4,
)


def at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


@settings(max_examples=60, deadline=None)
@given(rotations, overrides, st.lists(moments, max_size=20))
def test_a_year_has_no_hole_no_overlap_and_the_same_answer_at_every_moment(
    rotation: Rotation, others: list[Override], looked: list[datetime]
) -> None:
    begins, ends = datetime(2011, 1, 1, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)
    found = shifts(rotation, others, begins, ends)
    assert (found[0].begins, found[-1].ends) == (begins, ends)
    assert all(one.ends == other.begins for one, other in pairwise(found))
    assert all(shift.begins < shift.ends and shift.person is not None for shift in found)
    for moment in [*(shift.begins for shift in found), *(look for look in looked if begins <= look < ends)]:
        own = [shift for shift in found if shift.begins <= moment < shift.ends]
        assert [shift.person for shift in own] == [on_call_at(rotation, others, moment)]


@settings(max_examples=60, deadline=None)
@given(rotations)
def test_everybody_gets_their_turn_in_order_at_the_time_on_the_wall(rotation: Rotation) -> None:
    ring = range(len(rotation.people) + 1)
    numbered = replace(rotation, people=tuple(ring), hands_over=time(12), time_zone="Europe/Berlin")
    found = shifts(numbered, [], datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 12, 1, tzinfo=UTC))
    for one, other in pairwise(found):
        assert other.person == (one.person + 1) % len(ring)
        assert other.begins.astimezone(BERLIN).time() == time(12)


def test_a_day_is_an_hour_shorter_or_longer_when_the_clock_is_changed() -> None:
    spring = shifts(DAILY, [], at("2026-03-28T09:00"), at("2026-03-30T09:00"))
    assert [shift.ends - shift.begins for shift in spring] == [timedelta(hours=23), timedelta(hours=24)]
    autumn = shifts(DAILY, [], at("2026-10-24T09:00"), at("2026-10-26T09:00"))
    assert [shift.ends - shift.begins for shift in autumn] == [timedelta(hours=25), timedelta(hours=24)]


@pytest.mark.parametrize(
    ("hands_over", "day", "expected"),
    [
        # 02:30 does not exist: by the old clock it is 01:30 in UTC, 03:30 on the wall.
        (time(2, 30), date(2026, 3, 29), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        # 02:30 comes twice: the first, in summer time.
        (time(2, 30), date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_does_not_exist_or_comes_twice(hands_over: time, day: date, expected: datetime) -> None:
    rotation = Rotation((ADA, GRACE), hands_over, "Europe/Berlin", day - timedelta(days=1), every_days=1)
    assert on_call_at(rotation, [], expected - timedelta(microseconds=1)) == ADA
    assert on_call_at(rotation, [], expected) == GRACE


def test_a_weekly_hand_over_is_on_its_day_and_the_first_turn_is_short() -> None:
    thursday = Rotation((ADA, GRACE), time(9), "Europe/Berlin", date(2026, 1, 1), weekday=0)
    assert on_call_at(thursday, [], at("2026-01-01T08:59")) is None
    found = shifts(thursday, [], at("2026-01-01T09:00"), at("2026-01-13T00:00"))
    assert [(shift.person, shift.begins) for shift in found] == [
        (ADA, at("2026-01-01T09:00")), (GRACE, at("2026-01-05T09:00")), (ADA, at("2026-01-12T09:00")),
    ]  # fmt: skip


def test_the_last_override_counts_and_then_the_rotation_goes_on() -> None:
    others = [
        Override(ALAN, at("2026-01-05T12:00"), at("2026-01-05T18:00")),
        Override(GRACE, at("2026-01-05T17:00"), at("2026-01-05T20:00")),
    ]
    found = shifts(DAILY, others, at("2026-01-05T09:00"), at("2026-01-06T09:00"))
    assert [(shift.person, shift.begins, shift.is_override) for shift in found] == [
        (ADA, at("2026-01-05T09:00"), False), (ALAN, at("2026-01-05T12:00"), True),
        (GRACE, at("2026-01-05T17:00"), True), (ADA, at("2026-01-05T20:00"), False),
    ]  # fmt: skip


def test_gaps_say_why() -> None:
    rotation = Rotation((ADA, GRACE, ALAN), time(9), "UTC", date(2026, 1, 2), every_days=1)
    found = shifts(rotation, [], datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC))
    warned = gaps(found, active={ADA, ALAN}, able={ADA})
    assert [(gap.shift.person, gap.why) for gap in warned] == [
        (None, Why.NOBODY), (GRACE, Why.LEFT), (ALAN, Why.CANNOT_DECIDE),
    ]  # fmt: skip
    assert gaps([Shift(ADA, found[0].begins, found[0].ends)], active={ADA}, able={ADA}) == []


def test_a_rotation_of_nobody_has_nobody() -> None:
    empty = Rotation((), time(9), "UTC", date(2026, 1, 1))
    assert on_call_at(empty, [], datetime(2026, 2, 1, tzinfo=UTC)) is None
