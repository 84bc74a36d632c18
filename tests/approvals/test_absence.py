"""People say that they are away, and others are told in their place: only those who can decide."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import NOWHERE
from approvals.absence import services
from approvals.absence.contracts import PER_PERSON
from approvals.absence.errors import AbsenceRefused
from approvals.absence.forms import AbsenceForm
from approvals.models import Absence, ApprovalRequest, EscalationMove, MutedChannel
from approvals.notify import services as notifying
from approvals.notify.escalation import EVERYBODY
from approvals.on_call.queries import fewest_at_once
from tests import people
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_escalating import MINUTE, NIGHT, channels, moved, opened, rotation, step, team, told  # noqa: F401
from tests.approvals.test_on_call_pages import browser, kept, text
from tests.slack import CHANNEL

pytestmark = pytest.mark.django_db
PAGE = "/notifications/absence/"
DAY = timedelta(days=1)


def absent(person: Person, stand_in: Person | None = None, *, begins: datetime = NIGHT, **changes: Any) -> Absence:
    values = {"ends": begins + DAY, "time_zone": "Europe/Berlin", "made_by": "tests", "made_at": NIGHT, **changes}
    return Absence.objects.create(person=person, stand_in=stand_in, begins=begins, **values)


def note(person: Person, stand_in: Person | None = None, *, begins: float = 1, ends: float = 2) -> Absence:
    """Note an absence, in days from now."""
    now = timezone.now()
    return services.note(
        person=person, stand_in=stand_in, begins=now + begins * DAY, ends=now + ends * DAY, time_zone="UTC", by=person
    )


def sent(**changes: Any) -> dict[str, Any]:
    year = timezone.now().year + 1
    return {
        "begins": f"{year}-01-05T09:00", "ends": f"{year}-01-09T17:00", "time_zone": "Europe/Berlin", **changes,
    }  # fmt: skip


# --- Who is told --------------------------------------------------------------------------------


def test_the_ladder_tells_who_stands_in_and_says_for_whom(settings: Any, team: list[Approver]) -> None:  # noqa: F811
    ada, grace, alan = (one.person for one in team)
    absent(ada, grace)
    absent(grace, alan)
    step(rotation(ada), wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:alan"}
    move = EscalationMove.objects.get()
    assert move.told == ["Alan (stands in for Ada and Grace)"]
    assert move.skipped == [
        ["Ada", "is away until Mon 30 Mar, 02:50 CEST; Grace stands in"],
        ["Grace", "is away until Mon 30 Mar, 02:50 CEST; Alan stands in"],
    ]


def test_who_stands_in_and_cannot_decide_is_not_told_and_the_ladder_passes_on(
    settings: Any,
    team: list[Approver],  # noqa: F811
) -> None:
    ada, grace, alan = team
    stranger = reachable(factories.approver("stranger")).person  # an approver, whom the warrant does not name
    absent(ada.person, stranger)
    absent(grace.person)
    step([ada.person], wait_minutes=5)
    step([grace.person], wait_minutes=5)
    step([alan.person], wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:alan"}
    moves = list(EscalationMove.objects.all())
    assert [move.told for move in moves] == [[], [], ["Alan"]]
    assert moves[0].skipped[1] == ["Stranger", "stands in for Ada, and cannot decide this request"]
    assert moves[1].skipped == [["Grace", "is away until Mon 30 Mar, 02:50 CEST; nobody stands in"]]


def test_who_stands_in_and_was_told_before_is_not_told_again(settings: Any, team: list[Approver]) -> None:  # noqa: F811
    ada, grace, _ = (one.person for one in team)
    absent(ada, grace)
    step([grace, ada], wait_minutes=5)
    step([ada], wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:grace"}
    assert EscalationMove.objects.get().told == ["Grace"]
    assert moved(5 * MINUTE) == 1
    assert EscalationMove.objects.get(step=1).skipped[1] == ["Grace", "stands in for Ada, and was told before"]
    assert EscalationMove.objects.get(step=2).told == ["Alan", "Grace"]
    assert "local:ada" not in told()


def test_a_loop_that_two_made_at_once_holds_nothing_up(settings: Any, team: list[Approver]) -> None:  # noqa: F811
    ada, grace, _ = (one.person for one in team)
    absent(ada, grace)
    absent(grace, ada)
    step([ada], wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:alan", f"slack:{CHANNEL}"}


def test_an_absence_that_is_over_was_ended_or_is_to_come_keeps_nothing_from_anybody(
    settings: Any,
    team: list[Approver],  # noqa: F811
) -> None:
    ada, grace, _ = (one.person for one in team)
    absent(ada, grace, begins=NIGHT - DAY)
    absent(ada, grace, begins=NIGHT + MINUTE)
    absent(ada, grace, begins=NIGHT - DAY, ends=NIGHT + DAY, ended_at=NIGHT - MINUTE, ended_by="local:ada")
    step([ada], wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:ada"}


def test_without_a_ladder_who_is_away_is_left_out_and_that_is_written_down(
    settings: Any,
    team: list[Approver],  # noqa: F811
) -> None:
    ada, grace, _ = (one.person for one in team)
    absent(ada, grace)
    asked = opened(settings, *team)
    assert told() == {"local:grace", "local:alan", f"slack:{CHANNEL}"}
    move = EscalationMove.objects.get()
    assert (move.label, move.told) == (EVERYBODY, ["Alan", "Grace"])
    html = text(browser(ada), f"/approvals/{asked.pk}/")
    assert "Skipped: Ada is away until Mon 30 Mar, 02:50 CEST; Grace stands in" in html


@pytest.mark.parametrize("has_ladder", [False, True])
def test_who_is_away_is_told_where_nobody_else_is_reached(
    settings: Any,
    team: list[Approver],  # noqa: F811
    has_ladder: bool,
) -> None:
    ada, grace, alan = (one.person for one in team)
    for person in (ada, grace):
        absent(person, alan)
    MutedChannel.objects.bulk_create(MutedChannel(person=alan, channel=channel) for channel in ("mail", "slack"))
    if has_ladder:
        step([ada], wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:ada", "local:grace", f"slack:{CHANNEL}"}
    last = EscalationMove.objects.get(label=EVERYBODY)
    assert last.told == [f"{name} (away, but too few others are reached)" for name in ("Ada", "Grace")]
    assert last.skipped == [["Alan", "is reached by no channel"]]


def test_who_is_away_is_told_where_too_few_others_could_approve(settings: Any, team: list[Approver]) -> None:  # noqa: F811
    ada, grace, _ = team
    absent(ada.person)
    kept_channels, settings.EMAIL_HOST, settings.SLACK_TEAM_ID = settings.EMAIL_HOST, "", ""
    asked = factories.open_request(ada, grace, min_approvals=2)
    settings.EMAIL_HOST, settings.SLACK_TEAM_ID = kept_channels, "T0TEAM"
    ApprovalRequest.objects.filter(pk=asked.pk).update(opened_at=NIGHT)
    asked.refresh_from_db()
    notifying.opened(approval_request=asked)
    assert {"local:ada", "local:grace"} <= told()


# --- Who is on call -----------------------------------------------------------------------------


def test_the_page_of_rotations_shows_who_stands_in_and_warns_of_a_gap(db: None) -> None:
    ada, grace = (factories.approver(name).person for name in ("ada", "grace"))
    keyless = factories.person("keyless")
    kept(ada)
    assert fewest_at_once({"default": {"local:ada"}}) == {"default": 1}
    made = note(ada, grace, begins=-1)
    html = text(browser(grace), "/on-call/")
    assert "Now: <strong>Grace</strong>, who stands in for Ada, until" in html
    assert "is away; Grace stands in" in html
    assert "Nobody who can decide is on call" not in html
    # Who is told there can decide nothing that asks for Ada's own.
    assert fewest_at_once({"default": {"local:ada"}}) == {"default": 0}
    for stand_in in (keyless, None):
        Absence.objects.filter(pk=made.pk).update(stand_in=stand_in)
        assert "Ada is away, and nobody who can decide stands in" in text(browser(grace), "/on-call/")


def test_the_requests_page_says_who_would_be_told_now(settings: Any) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    ada, grace = (reachable(factories.approver(name)) for name in ("ada", "grace"))
    step([ada.person], wait_minutes=5)
    asked = factories.open_request(ada, grace)
    note(ada.person, grace.person, begins=0)
    assert "Grace (stands in for Ada)" in text(browser(ada.person), f"/approvals/{asked.pk}/")
    Absence.objects.update(stand_in=None)
    assert "nobody: Ada is away until" in text(browser(ada.person), f"/approvals/{asked.pk}/")


# --- Saying so ----------------------------------------------------------------------------------


@pytest.fixture
def ada(db: None) -> Person:
    return factories.person("ada")


@pytest.fixture
def grace(db: None) -> Person:
    return factories.person("grace")


def test_a_person_says_that_they_are_away_and_is_back(ada: Person, grace: Person) -> None:
    client = browser(ada)
    assert "hands no right on" in text(client, PAGE)
    assert client.post(PAGE, sent(stand_in=grace.pk)).status_code == 302
    made = Absence.objects.get()
    year = timezone.now().year + 1
    assert (made.begins, made.ends) == (datetime(year, 1, 5, 8, tzinfo=UTC), datetime(year, 1, 9, 16, tzinfo=UTC))
    assert (made.person, made.stand_in, made.made_by) == (ada, grace, "local:ada")
    html = text(client, PAGE)
    assert "Grace stands in" in html
    assert 'value="Europe/Berlin"' in html
    assert "You are away until" not in html
    assert client.post(f"{PAGE}{made.pk}/end/").status_code == 302
    made.refresh_from_db()
    assert (made.ended_by, made.ended_at is not None) == ("local:ada", True)
    assert "taken back" in text(client, PAGE)
    first = made.ended_at
    assert "It was over already." in client.post(f"{PAGE}{made.pk}/end/", follow=True).content.decode()
    made.refresh_from_db()
    assert made.ended_at == first


def test_every_page_says_that_one_is_away(ada: Person, grace: Person) -> None:
    made = note(ada, grace, begins=-5)
    assert made.begins > timezone.now() - MINUTE  # what was before now was not so
    for path in ("/approvals/", PAGE):
        html = text(browser(ada), path)
        assert "You are away until" in html
        assert "Grace stands in." in html
    assert "You are away until" not in text(browser(grace), "/approvals/")
    browser(ada).post(f"{PAGE}{made.pk}/end/")
    assert "You are away until" not in text(browser(ada), "/approvals/")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"time_zone": "Mars/Olympus"}, "There is no time zone by that name here."),
    ({"begins": "x"}, "Give a day and a time."),
    ({"begins": "0001-01-01T00:00"}, "Give a day and a time."),
    ({"begins": "2026-03-29T02:30+05:00"}, "Give a day and a time."),
    ({"begins": ""}, "This field is required."),
    ({"ends": "2020-01-01T09:00"}, "Give a time that is later than its beginning, and not over yet."),
    ({"ends": "2099-01-01T09:00"}, "Give a time within a year from now."),
    ({"stand_in": "9" * 30}, "Select a valid choice."),
]  # fmt: skip


def test_what_is_wrong_is_said_and_nothing_noted(ada: Person) -> None:
    for changes, sentence in WRONG:
        answer = browser(ada).post(PAGE, sent(**changes))
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
    assert not Absence.objects.exists()


def test_the_clock_on_the_wall_is_read_as_hand_overs_are(ada: Person) -> None:
    """A time that does not exist comes as if the clock had not been changed, at one that comes twice the first."""

    for begins, ends in (("2027-03-28T02:30", "2027-03-28T03:30"), ("2027-10-31T02:30", "2027-10-31T03:30")):
        form = AbsenceForm(sent(begins=begins, ends=ends), by=ada, oversees=NOWHERE, time_zone="UTC")
        assert form.is_valid()
        values = form.values
        expected = (1, 1) if begins.startswith("2027-03") else (0, 2)
        assert (values["begins"].hour, values["ends"].hour) == expected


def test_absences_of_one_person_do_not_overlap_and_are_bounded(ada: Person, grace: Person) -> None:
    note(ada, begins=1, ends=2)
    for begins, ends in ((1.5, 3), (0.5, 1.5), (0.5, 3), (1.2, 1.8)):
        with pytest.raises(AbsenceRefused, match="in this time already"):
            note(ada, begins=begins, ends=ends)
    note(ada, begins=2, ends=3)
    note(grace, begins=1, ends=2)
    services.end(absence=Absence.objects.get(person=grace), by=grace)
    note(grace, begins=1, ends=2)
    now = timezone.now()
    Absence.objects.bulk_create(
        Absence(person=ada, begins=now + number * DAY, ends=now + (number + 1) * DAY, made_by="tests", made_at=now)
        for number in range(3, PER_PERSON + 1)
    )
    with pytest.raises(AbsenceRefused, match="still to come"):
        note(ada, begins=0, ends=0.5)
    # Of those that are over the newest are kept.
    Absence.objects.filter(person=ada).update(ended_at=now, ended_by="tests")
    note(ada, begins=200, ends=201)
    assert Absence.objects.filter(person=ada).count() == PER_PERSON


def test_a_loop_is_refused_with_a_sentence(ada: Person, grace: Person) -> None:
    note(ada, grace, begins=1, ends=3)
    with pytest.raises(AbsenceRefused, match="would stand in for themself in the end"):
        note(grace, ada, begins=2, ends=4)
    note(grace, ada, begins=3, ends=4)
    with pytest.raises(AbsenceRefused, match="Nobody stands in for themself"):
        note(ada, ada, begins=5, ends=6)


def test_only_who_approves_where_one_does_can_stand_in(db: None) -> None:
    ada = factories.person("ada", namespace="payments")
    elsewhere = factories.person("elsewhere", namespace="billing")
    vera = people.person("vera", Role.VIEWER)
    left = factories.person("left")
    Person.objects.filter(pk=left.pk).update(is_active=False)
    for stand_in in (elsewhere, vera, left):
        assert browser(ada).post(PAGE, sent(stand_in=stand_in.pk)).status_code == 422
        with pytest.raises(AbsenceRefused, match="approves nowhere where"):
            note(ada, stand_in)
    note(ada, factories.person("everywhere"))


@pytest.mark.django_db(transaction=True)
def test_of_two_that_one_person_notes_at_once_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = factories.person("ada")
    refused, check = [], services._check_times
    # Both would meet here, with nothing noted yet, if the second did not wait for the first.
    checked = threading.Barrier(2, timeout=3)

    def check_and_meet(*values: Any) -> None:
        check(*values)
        with contextlib.suppress(threading.BrokenBarrierError):
            checked.wait()

    monkeypatch.setattr(services, "_check_times", check_and_meet)

    def noting() -> None:
        try:
            note(ada)
        except AbsenceRefused as error:
            refused.append(error.field)
        connections.close_all()

    threads = [threading.Thread(target=noting) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (refused, Absence.objects.count()) == (["begins"], 1)


# --- For others ---------------------------------------------------------------------------------


def test_an_administrator_sees_notes_and_ends_absences_of_their_namespaces_alone(db: None) -> None:
    ada = factories.person("ada", namespace="payments")
    both = factories.person("both", namespace="payments")
    people.hold(both, Role.APPROVER, namespace="billing")
    common = factories.person("common")
    local = browser(people.person("local", Role.SECURITY_ADMINISTRATOR, namespace="payments"))
    assert local.post(PAGE, sent(person=ada.pk)).status_code == 302
    made = Absence.objects.get()
    assert (made.person, made.made_by) == (ada, "local:local")
    assert "<strong>Ada</strong>" in text(local, PAGE)
    for person in (both, common):
        assert local.post(PAGE, sent(person=person.pk)).status_code == 422
        other = note(person)
        assert f"<strong>{person}</strong>" not in text(local, PAGE)
        assert local.post(f"{PAGE}{other.pk}/end/").status_code == 404
    everywhere = browser(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    for person in (ada, both, common):
        assert f"<strong>{person}</strong>" in text(everywhere, PAGE)
    assert local.post(f"{PAGE}{made.pk}/end/").status_code == 302
    made.refresh_from_db()
    assert made.ended_by == "local:local"


def test_nobody_else_sees_notes_or_ends_the_absence_of_another(ada: Person, grace: Person) -> None:
    made = note(ada)
    client = browser(grace)
    assert "Others who are away" not in text(client, PAGE)
    assert client.post(f"{PAGE}{made.pk}/end/").status_code == 404
    assert client.post(PAGE, sent(person=ada.pk)).status_code == 302
    assert Absence.objects.get(person=grace).made_by == "local:grace"
    assert browser(ada).post(f"{PAGE}{made.pk}/end/").status_code == 302
    assert Client().post(f"{PAGE}{made.pk}/end/")["Location"].startswith("/accounts/login/")


def test_names_are_data(db: None) -> None:
    ada = factories.person("ada")
    note(ada, factories.person("grace", display_name="<b>Grace</b>"), begins=0)
    html = text(browser(ada), PAGE)
    assert "<b>Grace" not in html
    assert "&lt;b&gt;Grace&lt;/b&gt; stands in" in html
