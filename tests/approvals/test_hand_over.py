"""What the next person must know at a hand-over: of what the one before was asked, and only what the reader may see."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.models import (
    Absence,
    ApprovalRequest,
    Claim,
    Delivery,
    LadderStep,
    Notification,
    OnCallOverride,
    OnCallRotation,
    Opening,
)
from approvals.on_call import hand_over
from approvals.on_call import services as on_call
from approvals.on_call.errors import RotationInUse
from approvals.requests import services
from tests import people
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.approvals.test_on_call_pages import browser, kept, rotation, text
from tests.slack import CHANNEL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]
HOUR = timedelta(hours=1)


@pytest.fixture
def primary(ada: Approver, grace: Approver) -> OnCallRotation:
    """A rotation that handed over to Ada an hour ago, and does to Grace in twenty-three."""
    begins = (timezone.now() - HOUR).replace(second=0, microsecond=0)
    return kept(ada.person, grace.person, every_days=1, hands_over=begins.time(), starts_on=begins.date())


def page(reader: Person, rotation: OnCallRotation, query: str = "") -> str:
    return text(browser(reader), f"/on-call/rotation/{rotation.pk}/hand-over/{query}")


def shift_of(reader: Person, rotation: OnCallRotation, query: str = "") -> Any:
    return browser(reader).get(f"/on-call/rotation/{rotation.pk}/hand-over/{query}").context["shift"]


def closed(asked: ApprovalRequest, state: str, at: datetime) -> None:
    ApprovalRequest.objects.filter(pk=asked.pk).update(state=state, closed_at=at, urgency=None)


def test_what_waits_is_listed_with_who_is_at_it_and_how_far_it_is(
    ada: Approver, grace: Approver, primary: OnCallRotation
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    now = timezone.now()
    Claim.objects.create(approval_request=asked, person=grace.person, claimed_at=now, until=now + HOUR)
    factories.open_request(grace)  # of which Ada was told nothing
    shift = shift_of(grace.person, primary)
    assert (shift.person, shift.next_person) == ("Ada", "Grace")
    [line] = shift.waiting
    assert (line.id, line.approvals_given, line.approvals_needed, line.claimer) == (asked.pk, 0, 2, "Grace")
    html = page(grace.person, primary)
    assert f'href="/approvals/{asked.pk}/"' in html
    assert "0 of 2 approved" in html
    assert "Grace works on it." in html
    assert f"/approvals/{asked.pk}/\n" in html  # the text to copy


def test_what_is_over_has_its_outcome_and_what_nobody_saw_stands_apart(
    ada: Approver, grace: Approver, primary: OnCallRotation
) -> None:
    now = timezone.now()
    seen, unseen, before, withdrawn, late = (factories.open_request(ada) for _ in range(5))
    Opening.objects.create(approval_request=seen, person=grace.person, opened_at=now)
    closed(seen, "expired", now)
    closed(unseen, "expired", now)
    closed(before, "denied", now - 2 * HOUR)
    services.withdraw(request_id=withdrawn.pk, reason="Done.")
    # Its time is over, and the sweep has not been there yet.
    ApprovalRequest.objects.filter(pk=late.pk).update(opened_at=now - 2 * HOUR, expires_at=now - HOUR / 2)
    shift = shift_of(grace.person, primary)
    assert {(line.id, line.state) for line in shift.over} == {(seen.pk, "expired"), (withdrawn.pk, "withdrawn")}
    assert {line.id for line in shift.unseen} == {unseen.pk, late.pk}
    assert shift.waiting == []
    assert "Expired unseen (2)" in page(grace.person, primary)


def test_what_is_stuck_says_so(ada: Approver, grace: Approver, primary: OnCallRotation) -> None:
    asked = factories.open_request(ada)
    now = timezone.now()
    ApprovalRequest.objects.filter(pk=asked.pk).update(state="approved")
    Delivery.objects.create(approval_request=asked, created_at=now - HOUR, due_at=now)
    [line] = shift_of(grace.person, primary).waiting
    assert (line.state, line.is_stuck) == ("approved", True)
    assert "It is stuck" in page(grace.person, primary)


def test_the_shift_before_has_what_was_over_in_it(ada: Approver, grace: Approver) -> None:
    begins = (timezone.now() - HOUR).replace(second=0, microsecond=0)
    rotation = kept(
        grace.person, ada.person, every_days=1, hands_over=begins.time(), starts_on=begins.date() - timedelta(days=1)
    )
    asked = factories.open_request(ada, grace)
    closed(asked, "denied", timezone.now() - 2 * HOUR)
    assert (shift_of(ada.person, rotation).person, shift_of(ada.person, rotation).over) == ("Ada", [])
    shift = shift_of(ada.person, rotation, "?shift=last")
    assert (shift.person, shift.next_person, [line.id for line in shift.over]) == ("Grace", "Ada", [asked.pk])


def test_who_stands_in_or_steps_in_hands_over(ada: Approver, grace: Approver, primary: OnCallRotation) -> None:
    asked = factories.open_request(grace)
    now = timezone.now()
    Absence.objects.create(
        person=ada.person, stand_in=grace.person, begins=now - HOUR, ends=now + HOUR, made_by="tests", made_at=now
    )
    shift = shift_of(ada.person, primary)
    assert (shift.person, shift.next_person, [line.id for line in shift.waiting]) == ("Grace", "Ada", [asked.pk])
    alan = factories.approver("alan").person
    OnCallOverride.objects.create(
        rotation=primary, person=alan, begins=now - HOUR, ends=now + HOUR, made_by="tests", made_at=now
    )
    assert shift_of(ada.person, primary).person == "Alan"


def test_who_stood_in_and_was_relieved_early_handed_over(
    ada: Approver, grace: Approver, primary: OnCallRotation
) -> None:
    asked = factories.open_request(ada, grace)
    now = timezone.now()
    closed(asked, "denied", now - HOUR / 2)
    Absence.objects.create(
        person=ada.person, stand_in=grace.person, begins=now - HOUR, ends=now + HOUR, made_by="tests", made_at=now,
        ended_by="tests", ended_at=now - HOUR / 4,
    )  # fmt: skip
    shift = shift_of(ada.person, primary, "?shift=last")
    assert (shift.person, shift.next_person, [line.id for line in shift.over]) == ("Grace", "Ada", [asked.pk])


def test_a_gap_hands_nothing_over(settings: Any, ada: Approver) -> None:
    settings.SLACK_BOT_TOKEN, settings.SLACK_SIGNING_SECRET, settings.SLACK_TEAM_ID = "xoxb-1", "secret", "T0TEAM"
    settings.SLACK_CHANNEL = CHANNEL
    factories.open_request(ada)
    assert Notification.objects.filter(person=None).exists()
    empty = kept(starts_on=timezone.now().date() - timedelta(days=3))
    assert (shift_of(ada.person, empty).person, shift_of(ada.person, empty).requests) == ("", [])


def test_what_waits_is_listed_before_what_is_over_where_there_is_too_much(
    ada: Approver, grace: Approver, primary: OnCallRotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "LISTED", 1)
    over, waiting = factories.open_request(ada), factories.open_request(ada)
    closed(over, "denied", timezone.now())
    shift = shift_of(grace.person, primary)
    assert ([line.id for line in shift.requests], shift.is_cut) == ([waiting.pk], True)
    assert "There are more than are listed here." in page(grace.person, primary)


def test_gaps_ahead_and_no_shift_yet_are_said(ada: Approver, grace: Approver) -> None:
    keyless = factories.person("keyless")
    html = page(ada.person, kept(ada.person, keyless, every_days=1))
    assert "cannot decide: not an approver here" in html
    assert "No shift to hand over" in page(ada.person, kept(ada.person, name="Lost", time_zone="Mars/Olympus"))
    soon = kept(ada.person, name="Soon", starts_on=timezone.now().date() + timedelta(days=3), hands_over=time(9))
    assert "From <strong>nobody</strong> to <strong>Ada</strong>" in page(ada.person, soon)
    assert "No shift to hand over" in page(ada.person, soon, "?shift=last")


def test_a_reader_sees_the_requests_of_their_namespaces_alone(ada: Approver, primary: OnCallRotation) -> None:
    asked = factories.open_request(ada, namespace="payments")
    seen = {
        where: [
            line.id
            for line in shift_of(people.person(f"reader-{where}", Role.VIEWER, namespace=where), primary).waiting
        ]
        for where in ("payments", "billing", "")
    }
    assert seen == {"payments": [asked.pk], "billing": [], "": [asked.pk]}
    OnCallRotation.objects.update(namespace="billing")
    stranger = browser(people.person("stranger", Role.VIEWER, namespace="payments"))
    assert stranger.get(f"/on-call/rotation/{primary.pk}/hand-over/").status_code == 404
    # A rotation of one namespace hands over that one's requests.
    assert shift_of(ada.person, primary).waiting == []


def test_it_costs_the_same_queries_however_much_there_is(
    ada: Approver, grace: Approver, primary: OnCallRotation, django_assert_num_queries: Any
) -> None:
    client = browser(grace.person)

    def counted() -> int:
        with django_assert_num_queries(13):
            found = client.get(f"/on-call/rotation/{primary.pk}/hand-over/").context["shift"]
        return len(found.requests)

    factories.open_request(ada)
    assert counted() == 1
    for _ in range(4):
        factories.open_request(ada)
    assert counted() == 5


def test_texts_of_agents_are_data(ada: Approver, grace: Approver, primary: OnCallRotation) -> None:
    asked = factories.open_request(ada)
    ApprovalRequest.objects.filter(pk=asked.pk).update(tool="<b>tool</b>", agent="a\u202eb", service="<i>")
    html = page(grace.person, primary)
    assert "<b>tool" not in html
    assert "\u202e" not in html
    assert "<i>" not in html


def test_without_a_channel_it_says_that_nothing_can_stand_here(
    settings: Any, ada: Approver, primary: OnCallRotation
) -> None:
    settings.EMAIL_HOST = ""
    factories.open_request(ada)
    assert not Notification.objects.exists()
    assert "Nobody is asked outside these pages" in page(ada.person, primary)


# --- Removing and ending ------------------------------------------------------------------------


@pytest.fixture
def sam(db: None) -> Person:
    return people.person("sam", Role.SECURITY_ADMINISTRATOR)


def removal(rotation: OnCallRotation, reader: Person, seen_at: str | None = None) -> Any:
    sent = {"seen_at": rotation.changed_at.isoformat() if seen_at is None else seen_at}
    return browser(reader).post(f"/on-call/rotation/{rotation.pk}/removal/", sent)


def test_a_rotation_is_removed_after_it_was_asked_for(
    primary: OnCallRotation, sam: Person, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"/on-call/rotation/{primary.pk}/removal/"
    assert address in text(browser(sam), f"/on-call/rotation/{primary.pk}/")
    assert "It cannot be brought back." in text(browser(sam), address)
    assert OnCallRotation.objects.exists()
    with caplog.at_level("INFO", "approvals.on_call.services"):
        assert removal(primary, sam).status_code == 302
    assert not OnCallRotation.objects.exists()
    assert "'Primary' of ['local:ada', 'local:grace'] was removed by local:sam" in caplog.text


def test_a_rotation_that_a_ladder_uses_is_kept_and_the_ladders_named(primary: OnCallRotation, sam: Person) -> None:
    for policy in ("", "payments"):
        LadderStep.objects.create(
            policy=policy, position=0, rotation=primary, wait_minutes=5, changed_by="x", changed_at=timezone.now()
        )
    html = text(browser(sam), f"/on-call/rotation/{primary.pk}/removal/")
    assert "<li>payments</li>" in html
    assert "Remove it" not in html
    answer = removal(primary, sam)
    assert answer.status_code == 409
    assert "The ladder of every policy without its own and of payments tells" in answer.content.decode()
    assert OnCallRotation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_a_removal_and_a_ladder_that_are_saved_at_once_one_is_refused() -> None:
    ada = factories.person("ada")
    together, refused = threading.Barrier(2), []

    def at_once(verb: Callable[..., Any], **values: Any) -> None:
        together.wait(20)
        try:
            verb(**values, by=ada)
        except (RotationInUse, IntegrityError) as error:
            refused.append(type(error))
        connections.close_all()

    for number in range(5):
        one = kept(ada, name=f"rotation {number}")
        step = on_call.NewStep(one, [], 5, None)
        threads = [
            threading.Thread(
                target=at_once,
                args=[on_call.remove_rotation],
                kwargs={"rotation": one, "seen_at": one.changed_at.isoformat()},
            ),
            threading.Thread(
                target=at_once, args=[on_call.save_ladder], kwargs={"policy": f"policy-{number}", "steps": [step]}
            ),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(refused) == number + 1
        assert LadderStep.objects.filter(rotation=one.pk).exists() == OnCallRotation.objects.filter(pk=one.pk).exists()


def test_a_rotation_that_was_changed_since_is_looked_at_again(primary: OnCallRotation, sam: Person) -> None:
    for seen_at in ("", "x", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "9" * 5000, "2026-13-01T00:00"):
        answer = removal(primary, sam, seen_at)
        assert answer.status_code == 409
        assert "changed or removed it meanwhile" in answer.content.decode()
    assert OnCallRotation.objects.exists()


def test_a_rotation_that_is_gone_is_neither_edited_nor_stepped_in(
    primary: OnCallRotation, ada: Approver, sam: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is removed between the page and the saving."""

    def after_it_is_gone(verb: Callable[..., Any]) -> Callable[..., Any]:
        def called(**values: Any) -> Any:
            OnCallRotation.objects.filter(pk=primary.pk).delete()
            return verb(**values)

        return called

    monkeypatch.setattr(on_call, "save_rotation", after_it_is_gone(on_call.save_rotation))
    answer = browser(sam).post(f"/on-call/rotation/{primary.pk}/", rotation(ada.person))
    assert (answer.status_code, OnCallRotation.objects.count()) == (422, 0)
    assert "changed or removed it meanwhile" in answer.content.decode()
    monkeypatch.setattr(on_call, "step_in", after_it_is_gone(on_call.step_in))
    second = kept(ada.person, name="Second", pk=primary.pk)
    year = timezone.now().year + 1
    sent = {"person": ada.person.pk, "begins": f"{year}-07-01T09:00", "ends": f"{year}-07-01T17:00"}
    answer = browser(sam).post(f"/on-call/rotation/{second.pk}/step-in/", sent)
    assert (answer.status_code, OnCallOverride.objects.count()) == (422, 0)


def test_who_steps_in_is_ended_early_or_taken_back_and_that_is_kept(
    primary: OnCallRotation, ada: Approver, grace: Approver
) -> None:
    now = timezone.now()
    alan = factories.approver("alan").person
    running, coming = (
        OnCallOverride.objects.create(
            rotation=primary, person=alan, begins=now + begins, ends=now + begins + 5 * HOUR, made_by="x", made_at=now
        )
        for begins in (-HOUR, 6 * HOUR)
    )
    client = browser(ada.person)
    assert "Now: <strong>Alan</strong>" in text(client, "/on-call/")
    assert "End it now" in text(client, f"/on-call/step-in/{running.pk}/end/")
    assert "Take it back" in text(client, f"/on-call/step-in/{coming.pk}/end/")
    for override in (running, coming):
        assert client.post(f"/on-call/step-in/{override.pk}/end/").status_code == 302
        override.refresh_from_db()
        assert override.ended_by == "local:ada"
    text(client, "/on-call/")  # with the messages of what was done
    html = text(client, "/on-call/")
    assert "Now: <strong>Ada</strong>" in html
    assert "Alan" not in html
    ended = running.ended_at
    again = client.post(f"/on-call/step-in/{running.pk}/end/", follow=True)
    assert "It was over already." in again.content.decode()
    running.refresh_from_db()
    assert running.ended_at == ended


def test_only_who_may_make_them_removes_and_ends(primary: OnCallRotation, ada: Approver) -> None:
    OnCallRotation.objects.update(namespace="payments")
    now = timezone.now()
    override = OnCallOverride.objects.create(
        rotation=primary, person=ada.person, begins=now, ends=now + HOUR, made_by="x", made_at=now
    )
    elsewhere = people.person("elsewhere", Role.SECURITY_ADMINISTRATOR, Role.APPROVER, namespace="billing")
    viewer = people.person("viewer", Role.VIEWER, namespace="payments")
    for reader in (elsewhere, viewer):
        assert removal(primary, reader).status_code == 404
        assert browser(reader).post(f"/on-call/step-in/{override.pk}/end/").status_code == 404
    assert removal(primary, ada.person).status_code == 404
    override.refresh_from_db()
    assert override.ended_at is None
