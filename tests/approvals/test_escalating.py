"""The ladder: one step after the other is told, each once, until somebody decides. The clock is the tests' own."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connections

from accounts.models import Person, RoleGrant
from approvals.models import (
    ApprovalRequest,
    Claim,
    Escalation,
    EscalationMove,
    LadderStep,
    MutedChannel,
    Notification,
    OnCallRotation,
)
from approvals.notify import escalation, services
from approvals.notify.escalation import EVERYBODY
from approvals.requests import services as requests
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.smtp_server import SmtpServer
from tests.approvals.test_notifying_mail import notifying, server, smtp, until  # noqa: F401
from tests.slack import CHANNEL
from workers.database import in_thread

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)  # ten minutes before Berlin's clocks go from 2:00 to 3:00
MINUTE = timedelta(minutes=1)
BY = {"changed_by": "tests", "changed_at": NIGHT}


@pytest.fixture(autouse=True)
def channels(settings: Any) -> None:
    settings.EMAIL_HOST = "127.0.0.1"
    settings.SLACK_BOT_TOKEN, settings.SLACK_SIGNING_SECRET, settings.SLACK_TEAM_ID = "xoxb-1", "secret", "T0TEAM"
    settings.SLACK_CHANNEL = CHANNEL


@pytest.fixture
def team(db: None) -> list[Approver]:
    return [reachable(factories.approver(name)) for name in ("ada", "grace", "alan")]


def rotation(*people: Person, zone: str = "Europe/Berlin") -> OnCallRotation:
    """Return a rotation that hands over every day at 2:30, from the day before ``NIGHT``."""
    made = OnCallRotation.objects.create(
        name=f"rotation {OnCallRotation.objects.count()}",
        hands_over=time(2, 30),
        time_zone=zone,
        starts_on=date(2026, 3, 28),
        every_days=1,
        **BY,
    )
    for position, person in enumerate(people):
        made.members.create(person=person, position=position)
    return made


def step(whom: OnCallRotation | list[Person], *, policy: str = "", **wait: int) -> LadderStep:
    by = {"rotation": whom} if isinstance(whom, OnCallRotation) else {}
    made = LadderStep.objects.create(policy=policy, position=LadderStep.objects.count(), **by, **wait, **BY)
    if isinstance(whom, list):
        made.people.set(whom)
    return made


def opened(settings: Any, *team: Approver, terms: Terms | None = None, hours: int = 4) -> ApprovalRequest:
    """Return a request that is opened at ``NIGHT``."""
    kept, settings.EMAIL_HOST, settings.SLACK_TEAM_ID = settings.EMAIL_HOST, "", ""
    asked = factories.open_request(*team, terms=terms)
    settings.EMAIL_HOST, settings.SLACK_TEAM_ID = kept, "T0TEAM"
    asked.opened_at, asked.expires_at = NIGHT, NIGHT + timedelta(hours=hours)
    asked.save(update_fields=["opened_at", "expires_at"])
    services.opened(approval_request=asked)
    return asked


def told() -> set[str]:
    return set(Notification.objects.values_list("recipient", flat=True))


def moved(after: timedelta) -> int:
    return escalation.move_on(now=NIGHT + after, limit=100)


# --- Step by step -------------------------------------------------------------------------------


def test_the_ladder_runs_over_a_hand_over_and_a_change_of_the_clock(settings: Any, team: list[Approver]) -> None:
    ada, grace, _ = team
    first = rotation(ada.person, grace.person)
    step(first, wait_minutes=50)
    step(first, wait_percent=50)
    asked = opened(settings, *team)
    assert told() == {"local:ada"}
    assert moved(50 * MINUTE - timedelta(seconds=1)) == 0
    # 1:40 in UTC: the hand-over at 2:30, which does not exist, was at 1:30. Three hours and ten minutes are left.
    assert moved(50 * MINUTE) == 1
    assert told() == {"local:ada", "local:grace"}
    assert Escalation.objects.get().due_at == NIGHT + (50 + 95) * MINUTE
    assert moved(144 * MINUTE) == 0
    assert moved(145 * MINUTE) == 1
    assert told() == {"local:ada", "local:grace", "local:alan", f"slack:{CHANNEL}"}
    moves = EscalationMove.objects.filter(approval_request=asked)
    assert [(move.label, move.told) for move in moves] == [
        ("On call: rotation 0", ["Ada"]), ("On call: rotation 0", ["Grace"]), (EVERYBODY, ["Ada", "Alan", "Grace"]),
    ]  # fmt: skip
    assert moved(200 * MINUTE) == 0
    # Each was asked once by mail and once by Slack, the channel once.
    assert Notification.objects.count() == 7


def test_without_a_ladder_everybody_is_told_at_once(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], policy="another", wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:ada", "local:grace", "local:alan", f"slack:{CHANNEL}"}
    assert not Escalation.objects.exists()


def test_a_policy_has_its_own_ladder_or_the_one_for_all(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], wait_minutes=5)
    step([team[1].person], policy="payments", wait_minutes=5)
    opened(settings, *team, terms=Terms(policy="payments"))
    assert told() == {"local:grace"}
    Notification.objects.all().delete()
    opened(settings, *team, terms=Terms(policy="other"))
    assert told() == {"local:ada"}


def test_who_cannot_decide_is_skipped_for_all_to_see_and_an_empty_step_passes_on(
    settings: Any, team: list[Approver]
) -> None:
    ada, grace, alan = team
    stranger = reachable(factories.approver("stranger")).person  # an approver, whom the warrant does not name
    left = factories.person("left")
    Person.objects.filter(pk=left.pk).update(is_active=False)
    RoleGrant.objects.filter(person=ada.person).delete()
    MutedChannel.objects.bulk_create(
        MutedChannel(person=grace.person, channel=channel) for channel in ("mail", "slack")
    )
    step(rotation(), wait_minutes=5)
    step(rotation(ada.person, zone="Mars/Olympus"), wait_minutes=5)
    step([ada.person, stranger, left, grace.person], wait_minutes=5)
    step([alan.person, stranger], wait_minutes=5)
    opened(settings, grace, alan)
    assert told() == {"local:alan"}
    moves = list(EscalationMove.objects.all())
    assert [(move.told, move.skipped) for move in moves[:2]] == [([], []), ([], [])]
    assert moves[2].told == []
    assert moves[2].skipped == [
        ["Ada", "cannot decide this request"],
        ["Grace", "is reached by no channel"],
        ["Left", "is not here any more"],
        ["Stranger", "cannot decide this request"],
    ]
    assert (moves[3].told, moves[3].skipped) == (["Alan"], [["Stranger", "cannot decide this request"]])
    assert Escalation.objects.get().due_at == NIGHT + 5 * MINUTE


def test_a_ladder_that_reaches_nobody_tells_everybody(settings: Any, team: list[Approver]) -> None:
    step(rotation(), wait_minutes=5)
    opened(settings, *team)
    assert told() == {"local:ada", "local:grace", "local:alan", f"slack:{CHANNEL}"}
    assert Escalation.objects.get().due_at is None


def test_a_step_of_people_who_were_told_before_passes_on(settings: Any, team: list[Approver]) -> None:
    ada, grace, _ = team
    for whom in (ada, ada, grace):
        step([whom.person], wait_minutes=5)
    opened(settings, *team)
    assert moved(5 * MINUTE) == 1
    assert told() == {"local:ada", "local:grace"}
    assert EscalationMove.objects.get(step=1).skipped == [["Ada", "was told before"]]


def test_it_ends_with_the_request(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], wait_minutes=5)
    ended, overdue = opened(settings, *team), opened(settings, *team, hours=1)
    requests.withdraw(request_id=ended.pk, reason="Done.")
    assert Escalation.objects.get(pk=ended.pk).due_at is None
    assert Escalation.objects.get(pk=overdue.pk).due_at is not None
    assert moved(60 * MINUTE) == 0
    assert "local:grace" not in told()


def test_a_request_that_cannot_be_read_ends_its_own_ladder_only(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], wait_minutes=5)
    changed, whole = opened(settings, *team), opened(settings, *team)
    ApprovalRequest.objects.filter(pk=changed.pk).update(warrant_chain=["bm9uZQ=="])
    assert moved(5 * MINUTE) == 1
    assert EscalationMove.objects.filter(approval_request=whole).count() == 2
    assert Escalation.objects.get(pk=changed.pk).due_at is None


# --- Somebody works on it -----------------------------------------------------------------------


def claims(asked: ApprovalRequest, person: Person, *, begins: timedelta, until: timedelta) -> Claim:
    return Claim.objects.create(approval_request=asked, person=person, claimed_at=NIGHT + begins, until=NIGHT + until)


def test_a_claim_holds_it_up_for_a_bounded_time(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], wait_minutes=5)
    asked = opened(settings, *team)
    claims(asked, team[0].person, begins=4 * MINUTE, until=60 * MINUTE)  # said again and again
    assert [moved(after * MINUTE) for after in (5, 6, 19)] == [0, 0, 0]
    assert told() == {"local:ada"}
    assert moved(20 * MINUTE) == 1
    assert "local:grace" in told()


def test_a_claim_that_is_given_back_lets_it_go_on(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], wait_minutes=5)
    claim = claims(opened(settings, *team), team[0].person, begins=4 * MINUTE, until=9 * MINUTE)
    assert moved(5 * MINUTE) == 0
    Claim.objects.filter(pk=claim.pk).update(ended_at=NIGHT + 6 * MINUTE)
    assert moved(6 * MINUTE) == 1


def test_a_claim_of_somebody_who_cannot_decide_holds_nothing_up(settings: Any, team: list[Approver]) -> None:
    step([team[0].person], wait_minutes=5)
    asked = opened(settings, *team)
    claims(asked, factories.approver("stranger").person, begins=4 * MINUTE, until=60 * MINUTE)
    assert moved(5 * MINUTE) == 1


# --- Restarts, and several notifiers ------------------------------------------------------------


def test_what_a_killed_notifier_had_begun_is_begun_again_by_the_next(
    settings: Any, team: list[Approver], monkeypatch: pytest.MonkeyPatch
) -> None:
    step([team[0].person], wait_minutes=5)
    step([team[1].person], wait_minutes=5)
    opened(settings, *team)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(escalation, "_note", killed)  # after the messages, before their step
        with pytest.raises(KeyboardInterrupt):
            moved(5 * MINUTE)
    assert told() == {"local:ada"}
    # It was down for an hour: the next step is told now, and the one after it has its time from now.
    assert moved(65 * MINUTE) == 1
    assert told() == {"local:ada", "local:grace"}
    assert moved(69 * MINUTE) == 0
    assert moved(70 * MINUTE) == 1
    assert "local:alan" in told()


@pytest.mark.django_db(transaction=True)
def test_two_notifiers_at_once_move_each_step_once(settings: Any, team: list[Approver]) -> None:
    for approver in team:
        step([approver.person], wait_minutes=5)
    for _ in range(4):
        opened(settings, *team)
    together = threading.Barrier(3)
    counted: list[int] = []

    def notifier() -> None:
        together.wait(20)
        counted.append(moved(5 * MINUTE))
        connections.close_all()

    threads = [threading.Thread(target=notifier) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(counted), sum(counted)) == (3, 4)
    assert set(Escalation.objects.values_list("step", flat=True)) == {2}
    assert EscalationMove.objects.count() == 8
    assert told() == {"local:ada", "local:grace"}


@pytest.mark.django_db(transaction=True)
async def test_the_notifier_tells_the_next_step_when_it_is_due(smtp: SmtpServer, settings: Any) -> None:  # noqa: F811
    settings.SLACK_TEAM_ID = ""

    def asked() -> None:
        ada, grace = (reachable(factories.approver(name)) for name in ("ada", "grace"))
        step([ada.person], wait_minutes=5)
        factories.open_request(ada, grace)

    await in_thread(asked)
    async with notifying():
        await until(lambda: len(smtp.mails) == 1)
        await in_thread(lambda: Escalation.objects.update(due_at=NIGHT))
        await until(lambda: len(smtp.mails) == 2)
    assert [mail["To"] for mail in smtp.mails] == ["ada@mail.example", "grace@mail.example"]
