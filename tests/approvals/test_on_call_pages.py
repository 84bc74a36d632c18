"""Who is on call, as people see it and say it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.models import LadderStep, OnCallOverride, OnCallRotation
from approvals.on_call.queries import fewest_at_once
from approvals.on_call.services import step_in
from tests import people
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from warrants.policies import linting
from warrants.policies.release import shipped_text

pytestmark = pytest.mark.django_db
PAGE, NEW, LADDER = "/on-call/", "/on-call/rotation/", "/on-call/ladder/"


@pytest.fixture
def sam(db: None) -> Client:
    return browser(people.person("sam", Role.SECURITY_ADMINISTRATOR))


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def rotation(*members: Person, **changes: Any) -> dict[str, Any]:
    """Return what the form of a rotation sends."""
    places = {f"person_{number}": person.pk for number, person in enumerate(members, 1)}
    return {
        "name": "Primary", "namespace": "", "hands_over": "09:00", "weekday": "0", "every_days": "7",
        "time_zone": "Europe/Berlin", "starts_on": "2026-01-05", **places, **changes,
    }  # fmt: skip


def steps(*rows: dict[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": 0}
    return sent | {f"form-{number}-{name}": value for number, row in enumerate(rows) for name, value in row.items()}


def kept(*members: Person, **changes: Any) -> OnCallRotation:
    values = {"name": "Primary", "hands_over": time(9), "time_zone": "UTC", "starts_on": date(2026, 1, 5), **changes}
    made = OnCallRotation.objects.create(**values, changed_by="tests", changed_at=timezone.now())
    for position, person in enumerate(members):
        made.members.create(person=person, position=position)
    return made


def text(client: Client, path: str = PAGE) -> str:
    return client.get(path).content.decode()


def test_a_rotation_is_made_shown_and_edited(ada: Approver, sam: Client) -> None:
    grace = factories.approver("grace").person
    assert sam.post(NEW, rotation(ada.person, grace)).status_code == 302
    made = OnCallRotation.objects.get()
    assert [member.person for member in made.members.all()] == [ada.person, grace]
    assert (made.weekday, made.changed_by) == (0, "local:sam")
    assert "cannot decide" not in text(sam)
    address = f"{NEW}{made.pk}/"
    assert 'value="09:00"' in text(sam, address)
    assert sam.post(address, rotation(grace, weekday="", every_days="1")).status_code == 302
    made.refresh_from_db()
    assert ([member.person for member in made.members.all()], made.weekday, made.every_days) == ([grace], None, 1)
    assert "<strong>Grace</strong>" in text(sam)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"time_zone": "Mars/Olympus"}, "There is no time zone by that name here."),
    ({"time_zone": "\x00"}, "Null characters are not allowed."),
    ({"starts_on": "9999-12-31"}, "Give a day between 2000 and 2100."),
    ({"every_days": "0"}, "greater than or equal to 1"),
    ({"weekday": "7"}, "Select a valid choice."),
    ({"person_1": ""}, "Name at least one person"),
    ({"person_1": "9" * 30}, "Select a valid choice."),
    ({"hands_over": "25:00"}, "Enter a valid time."),
]


def test_what_is_wrong_is_said_and_nothing_saved(ada: Approver, sam: Client) -> None:
    for changes, sentence in WRONG:
        answer = sam.post(NEW, rotation(ada.person, **changes))
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
    assert not OnCallRotation.objects.exists()


def test_an_administrator_of_one_namespace_makes_none_elsewhere(ada: Approver) -> None:
    local = browser(people.person("local", Role.SECURITY_ADMINISTRATOR, namespace="payments"))
    assert local.post(NEW, rotation(ada.person)).status_code == 422
    assert local.post(NEW, rotation(ada.person, namespace="billing")).status_code == 422
    assert local.post(NEW, rotation(ada.person, namespace="payments")).status_code == 302
    common = kept(ada.person, name="Common")
    assert local.post(f"{NEW}{common.pk}/", rotation(ada.person, namespace="payments")).status_code == 404
    assert "Common" in text(local)
    assert "Primary" not in text(browser(people.person("vera", Role.VIEWER, namespace="billing")))


def test_somebody_steps_in_by_the_clock_of_the_rotation(ada: Approver) -> None:
    grace = factories.approver("grace").person
    made = kept(ada.person, time_zone="Europe/Berlin", starts_on=date(2025, 1, 5))
    client, address = browser(ada.person), f"{NEW}{made.pk}/step-in/"
    year = timezone.now().year + 1
    sent = {"person": grace.pk, "begins": f"{year}-07-01T09:00", "ends": f"{year}-07-01T17:00"}
    assert client.post(address, sent).status_code == 302
    found = OnCallOverride.objects.get()
    assert (found.person, found.begins, found.made_by) == (grace, datetime(year, 7, 1, 7, tzinfo=UTC), "local:ada")
    for wrong in ({"ends": f"{year}-07-01T09:00"}, {"ends": f"{year}-12-01T09:00"}, {"ends": "x"}, {"person": 0}):
        assert client.post(address, {**sent, **wrong}).status_code == 422
    assert OnCallOverride.objects.count() == 1


def test_gaps_of_the_coming_two_weeks_are_warned_of(ada: Approver, sam: Client) -> None:
    left = factories.person("left")
    Person.objects.filter(pk=left.pk).update(is_active=False)
    keyless = factories.person("keyless")
    now = timezone.now()
    made = kept(ada.person, starts_on=(now + timedelta(days=2)).date())
    assert "nobody is on call" in text(sam)
    for person, why in ((left, "has left"), (keyless, "without an endorsed key")):
        OnCallOverride.objects.create(
            rotation=made, person=person, begins=now, ends=now + timedelta(days=1), made_by="x", made_at=now
        )
        assert why in text(sam)


def test_a_ladder_is_kept_for_one_policy_or_for_all(ada: Approver, sam: Client) -> None:
    made = kept(ada.person)
    rows = steps({"rotation": made.pk, "wait_minutes": 10}, {"people": [ada.person.pk], "wait_percent": 50}, {})
    assert sam.post(f"{LADDER}payments/", rows).status_code == 302
    assert sam.post(LADDER, steps({"people": [ada.person.pk], "wait_minutes": 1})).status_code == 302
    found = list(LadderStep.objects.values_list("policy", "position", "rotation", "wait_minutes", "wait_percent"))
    assert found == [("", 0, None, 1, None), ("payments", 0, made.pk, 10, None), ("payments", 1, None, None, 50)]
    html = text(sam)
    assert "on call: Primary; after 10 min" in html
    assert "Ada; after 50 % of the time left" in html
    assert 'value="10"' in text(sam, f"{LADDER}payments/")
    assert sam.post(f"{LADDER}payments/", steps({}, {})).status_code == 302
    assert not LadderStep.objects.filter(policy="payments").exists()
    assert sam.get(f"{LADDER}unknown/").status_code == 404


def test_a_step_that_says_two_things_or_nothing_is_refused(ada: Approver, sam: Client) -> None:
    own = [ada.person.pk]
    wrong: list[dict[str, Any]] = [
        {"wait_minutes": 5},
        {"people": own},
        {"people": own, "wait_minutes": 5, "wait_percent": 5},
        {"people": own, "wait_minutes": 0},
        {"people": own, "wait_percent": 100},
        {"people": "9" * 30, "wait_minutes": 5},
        {"rotation": "9" * 30, "wait_minutes": 5},
    ]
    for row in wrong:
        answer = sam.post(LADDER, steps(row))
        assert answer.status_code == 422
        assert "Nothing was saved" in answer.content.decode()
    assert sam.post(LADDER, {}).status_code == 422
    assert not LadderStep.objects.exists()


def test_the_requests_page_says_who_is_on_call_who_was_told_and_who_was_skipped(settings: Any, ada: Approver) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    stranger = factories.person("stranger", display_name="<b>Stranger</b>")
    step = LadderStep.objects.create(position=0, wait_minutes=5, changed_by="tests", changed_at=timezone.now())
    step.people.set([ada.person, stranger])
    asked = factories.open_request(ada)
    html = text(browser(ada.person), f"/approvals/{asked.pk}/")
    assert "On call now:" in html
    assert "The next are told at" in html
    assert "Skipped: &lt;b&gt;Stranger&lt;/b&gt; cannot decide this request" in html


def test_the_editor_of_policies_knows_the_thinnest_shift(ada: Approver) -> None:
    grace = reachable(factories.approver("grace")).person
    text = shipped_text("incident-response").replace("min_approvals: 1", "min_approvals: 2")

    def told() -> set[str]:
        return {one.code for one in linting.findings("incident-response", text, ())}

    assert "quorum_out_of_reach_on_a_shift" not in told()
    kept(ada.person, grace)
    assert fewest_at_once({"default": {"local:ada", "local:grace"}, "prod": {"local:grace"}}) == {
        "default": 1,
        "prod": 0,
    }
    assert "quorum_out_of_reach_on_a_shift" in told()
    second = kept(grace, ada.person, name="Secondary")
    assert "quorum_out_of_reach_on_a_shift" not in told()
    now = timezone.now()
    step_in(rotation=second, person=ada.person, begins=now, ends=now + timedelta(days=10), by=grace)
    assert "quorum_out_of_reach_on_a_shift" in told()


def test_a_rotation_elsewhere_or_in_an_unknown_time_zone_says_nothing_of_shifts(ada: Approver) -> None:
    kept(ada.person, namespace="prod")
    kept(ada.person, name="Lost", time_zone="Mars/Olympus")
    assert fewest_at_once({"default": {"local:ada"}}) is None
