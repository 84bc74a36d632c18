"""The page of those who read payloads: who sees it, of which namespaces, and what the filter finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person
from accounts.roles.contracts import Role
from audit.models import LedgerEntry
from tests import people
from tests.codec_server.conftest import FROM_UI, PRD, STG, body_of, browser_of, plain, post, sealed, token_of
from workers.codec_server.readings.contracts import Reading, sittings_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(rosa: Person, stan: Person) -> None:
    """Rosa read twice in production, Stan read once in staging with a token and sealed something there."""
    for _ in range(2):
        post(browser_of(rosa), f"/codec/{PRD}/decode", body_of(sealed(plain(), plain(b"2"))), FROM_UI)
    post(Client(), f"/codec/{STG}/decode", body_of(sealed(namespace=STG, workflow="")), token_of(stan))
    post(browser_of(stan), f"/codec/{STG}/encode", body_of([plain()]), FROM_UI)


def page(*, role: Role = Role.AUDITOR, namespace: str = "", **asked: str) -> Any:
    client = Client()
    client.force_login(people.person("looks", role, namespace=namespace))
    return client.get("/payloads/", asked)


def lines(answer: Any) -> list[tuple[str, str, bool, int, str]]:
    assert answer.status_code == 200
    return [
        (sitting.last.person, sitting.last.namespace, sitting.last.is_encoding, sitting.payloads, sitting.last.token)
        for sitting in answer.context["readings"].sittings
    ]


ROSA = ("local:rosa", PRD, False, 4, "")
STAN_READ, STAN_SEALED = ("local:stan", STG, False, 1, "Laptop"), ("local:stan", STG, True, 1, "")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SECURITY_ADMINISTRATOR])
def test_who_oversees_everything_sees_everybody_newest_first(read: None, role: Role) -> None:
    answer = page(role=role)
    assert lines(answer) == [STAN_SEALED, STAN_READ, ROSA]
    text = answer.content.decode()
    assert "incident-P1" in text
    assert "workflow unknown" in text
    assert "4711" not in text


def test_who_oversees_one_namespace_sees_it_alone_and_cannot_ask_for_another(read: None) -> None:
    assert lines(page(namespace=STG)) == [STAN_SEALED, STAN_READ]
    client = Client()
    client.force_login(people.person("other", Role.AUDITOR, namespace=STG))
    for unseen in (PRD, "no-such"):
        assert client.get("/payloads/", {"namespace": unseen}).status_code == 400
    assert PRD not in client.get("/payloads/").content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.PAYLOAD_READER, Role.POLICY_AUTHOR])
def test_for_others_there_is_no_such_page(read: None, role: Role) -> None:
    assert page(role=role).status_code == 404


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"person": "ROSA"}, [ROSA]),
        ({"person": " local:stan "}, [STAN_SEALED, STAN_READ]),
        ({"person": "nobody"}, []),
        ({"namespace": PRD}, [ROSA]),
        ({"namespace": STG, "person": "rosa"}, []),
    ],
)
def test_the_filter_finds_by_person_and_namespace(
    read: None, asked: dict[str, str], found: list[tuple[str, str, bool, int, str]]
) -> None:
    assert lines(page(**asked)) == found


def test_the_filter_finds_by_day(read: None) -> None:
    today = datetime.now(UTC).date()
    days_ago = [(today - timedelta(days=days)).isoformat() for days in range(10)]
    LedgerEntry.objects.filter(kind="payload.decoded").update(
        at_ms=int((datetime.now(UTC) - timedelta(days=8)).timestamp() * 1000)
    )
    client = Client()
    client.force_login(people.person("looks", Role.AUDITOR))

    def found(**asked: str) -> int:
        return len(client.get("/payloads/", asked).context["readings"].sittings)

    assert found() == 1
    assert found(since=days_ago[9]) == 3
    assert found(since=days_ago[8], until=days_ago[8]) == 2
    assert found(since=days_ago[7], until=days_ago[1]) == 0
    assert found(since=days_ago[0], until=days_ago[9]) == 0
    assert found(since="0001-01-01", until="9999-12-31") == 3
    assert found(until="0001-01-01") == 0


@pytest.mark.parametrize("asked", [{"since": "yesterday"}, {"until": "9999-13-01"}, {"person": "x" * 400}])
def test_what_cannot_be_asked_says_so(read: None, asked: dict[str, str]) -> None:
    answer = page(**asked)
    assert answer.status_code == 400
    assert "field-error" in answer.content.decode()


def test_a_persons_name_is_shown_inert(rings: None) -> None:
    somebody = people.person("<b>\u202eeve</b>", Role.PAYLOAD_READER)
    post(browser_of(somebody), f"/codec/{PRD}/decode", body_of(sealed()), FROM_UI)
    text = page().content.decode()
    assert "<b>" not in text.split("sittings")[1]
    assert "\u202e" not in text


def test_a_pause_of_more_than_ten_minutes_begins_a_new_line() -> None:
    now = datetime.now(UTC)

    def at(minutes: int, person: str = "local:rosa") -> Reading:
        return Reading(now + timedelta(minutes=minutes), person, PRD, False, "", ("w",), 1)

    newest_first = [at(40), at(31), at(30, "local:stan"), at(22), at(5)]
    assert [(one.last.person, one.payloads) for one in sittings_of(newest_first)] == [
        ("local:rosa", 3),
        ("local:stan", 1),
        ("local:rosa", 1),
    ]
