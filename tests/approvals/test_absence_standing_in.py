"""Whom to tell in whose place: never whoever is away, always somebody on the way, and no loop holds it up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.absence.contracts import Away
from approvals.absence.standing_in import LONGEST_WAY, away_at, closes_a_loop, in_place_of, with_stand_ins
from approvals.on_call.contracts import Shift, Why
from approvals.on_call.shifts import gaps

ADA, GRACE, ALAN = 1, 2, 3
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

# A machine under load draws slowly.
patiently = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
people = st.integers(1, 6)
hours = st.integers(0, 20)


@st.composite
def absences(draw: st.DrawFn) -> list[Away]:
    """Return absences as services keep them: nobody's overlap, and nobody stands in for themself."""
    found: list[Away] = []
    for person in range(1, 7):
        edges = sorted(draw(st.sets(hours, max_size=6)))
        for begins, ends in zip(edges[::2], edges[1::2], strict=False):
            stand_in = draw(st.none() | people.filter(lambda one, person=person: one != person))
            found.append(Away(person, stand_in, NOON + begins * HOUR, NOON + ends * HOUR))
    return found


def away(person: int, stand_in: int | None, begins: int = 0, ends: int = 10) -> Away:
    return Away(person, stand_in, NOON + begins * HOUR, NOON + ends * HOUR)


@patiently
@given(absences(), people, hours)
def test_whoever_is_told_is_here_and_the_way_leads_there(found: list[Away], called: int, late: int) -> None:
    current = away_at(found, NOON + late * HOUR)
    way = in_place_of(called, current)
    assert way.told not in current
    stops = [called, *(one.stand_in for one in way.passed)]
    assert [one.person for one in way.passed] == stops[: len(way.passed)]
    assert way.told in (None, stops[-1])
    assert len(set(way.passed)) == len(way.passed) <= LONGEST_WAY
    if called not in current:
        assert (way.told, way.passed) == (called, ())
    elif way.told is None:  # nobody stands in at its end, or it goes round
        assert stops[-1] is None or stops[-1] in current


@patiently
@given(absences())
def test_absences_that_are_noted_one_by_one_never_make_a_loop(found: list[Away]) -> None:
    noted: list[Away] = []
    for one in found:
        if not closes_a_loop(one, noted):
            noted.append(one)
    for late in range(21):
        current = away_at(noted, NOON + late * HOUR)
        for person in current:
            stops = [one.person for one in in_place_of(person, current).passed]
            assert current[stops[-1]].stand_in not in stops


@patiently
@given(absences(), st.lists(st.tuples(st.none() | people, st.integers(1, 5)), min_size=1, max_size=5))
def test_shifts_stay_whole_and_say_at_every_moment_who_is_told(
    found: list[Away], turns: list[tuple[int | None, int]]
) -> None:
    shifts, begins = [], NOON
    for person, long in turns:
        shifts.append(Shift(person, begins, begins + long * HOUR))
        begins += long * HOUR
    cut = with_stand_ins(shifts, found)
    assert (cut[0].begins, cut[-1].ends) == (NOON, begins)
    assert all(one.ends == other.begins for one, other in pairwise(cut))
    for late in range((begins - NOON) // HOUR):
        moment = NOON + late * HOUR + HOUR / 2
        [own] = [one for one in cut if one.begins <= moment < one.ends]
        [was] = [one for one in shifts if one.begins <= moment < one.ends]
        current = away_at(found, moment)
        assert own.person == was.person
        assert own.is_away == (was.person in current)
        assert own.told == (was.person and in_place_of(was.person, current).told)


def test_a_chain_is_followed_to_the_first_who_is_here() -> None:
    current = away_at([away(ADA, GRACE), away(GRACE, ALAN)], NOON)
    assert in_place_of(ADA, current).told == ALAN
    assert in_place_of(GRACE, current).told == ALAN
    assert in_place_of(ALAN, current).told == ALAN
    assert in_place_of(ADA, away_at([away(ADA, GRACE), away(GRACE, None)], NOON)).told is None


def test_an_absence_counts_from_its_beginning_to_before_its_end() -> None:
    one = away(ADA, GRACE, 1, 2)
    assert [ADA in away_at([one], NOON + late * HOUR) for late in (0, 1, 2)] == [False, True, False]


def test_a_loop_that_was_made_by_two_at_once_tells_nobody_and_ends() -> None:
    current = away_at([away(ADA, GRACE), away(GRACE, ADA)], NOON)
    for person in (ADA, GRACE):
        way = in_place_of(person, current)
        assert (way.told, len(way.passed)) == (None, 2)


def test_a_way_that_is_too_long_ends() -> None:
    many = [away(number, number + 1) for number in range(LONGEST_WAY + 1)]
    assert in_place_of(0, away_at(many, NOON)).told is None
    assert in_place_of(1, away_at(many, NOON)).told == LONGEST_WAY + 1


def test_only_absences_of_one_time_close_a_loop() -> None:
    new = away(ADA, GRACE, 0, 5)
    assert closes_a_loop(new, [away(GRACE, ADA, 4, 6)])
    assert not closes_a_loop(new, [away(GRACE, ADA, 5, 6)])
    assert not closes_a_loop(new, [away(GRACE, ALAN, 0, 3), away(ALAN, ADA, 3, 6)])
    assert closes_a_loop(new, [away(GRACE, ALAN, 0, 3), away(ALAN, ADA, 2, 6)])
    # A loop of others, which two made at once, is none of this one's, and ends.
    assert not closes_a_loop(new, [away(GRACE, ALAN), away(ALAN, GRACE)])


def test_a_shift_of_somebody_away_is_a_gap_unless_who_stands_in_can_decide() -> None:
    [first, second] = with_stand_ins([Shift(ADA, NOON, NOON + 10 * HOUR)], [away(ADA, GRACE, 4, 20)])
    assert second == replace(first, begins=NOON + 4 * HOUR, ends=NOON + 10 * HOUR, is_away=True, stand_in=GRACE)
    everybody = {ADA, GRACE}
    assert gaps([first, second], active=everybody, able=everybody) == []
    for active, able in ((everybody, {ADA}), ({ADA}, everybody)):
        assert [gap.why for gap in gaps([first, second], active=active, able=able)] == [Why.AWAY]
    [alone] = with_stand_ins([Shift(ADA, NOON, NOON + HOUR)], [away(ADA, None)])
    assert [gap.why for gap in gaps([alone], active=everybody, able=everybody)] == [Why.AWAY]
