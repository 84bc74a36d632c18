"""Signing a program in through the browser, and every way to cheat with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.devices import services
from accounts.devices.contracts import POLL_SECONDS, normalised_user_code
from accounts.models import ApiToken, DeviceGrant, Person, RoleGrant
from tests.accounts.conftest import signed_in

pytestmark = pytest.mark.django_db


def begin(name: str = "Command line of ada") -> dict[str, Any]:
    answer = Client(enforce_csrf_checks=True).post("/devices/", {"client_name": name})
    assert answer.status_code == 201
    return dict(answer.json())


def ask(begun: dict[str, Any], *, waited: bool = True) -> Any:
    if waited:
        DeviceGrant.objects.update(polled_at=None)
    return Client(enforce_csrf_checks=True).post("/devices/token/", {"device_code": begun["device_code"]})


def decide(person: Person, begun: dict[str, Any], decision: str = "allow") -> Any:
    return signed_in(person).post("/devices/decision/", {"code": begun["user_code"], "decision": decision})


def reaches(text: str) -> bool:
    headers = {"accept": "application/json", "authorization": f"Bearer {text}"}
    return Client().get("/approvals/", headers=headers).status_code == 200


def test_a_person_lets_their_program_in(ada: Person) -> None:
    begun = begin()
    assert set(begun) == {
        "device_code", "user_code", "verification_uri", "verification_uri_complete", "interval", "expires_in",
    }  # fmt: skip
    assert ask(begun).json()["error"] == "authorization_pending"
    assert "It is signed in" in decide(ada, begun).content.decode()
    given = ask(begun).json()
    assert given["token_type"] == "Bearer"
    assert reaches(given["access_token"])
    assert ApiToken.objects.get().person == ada


def test_the_page_says_what_is_given_to_whom_and_changes_nothing(ada_client: Client) -> None:
    begun = begin("Build <b>server</b>")
    before = DeviceGrant.objects.values().get()
    page = ada_client.get("/devices/", {"code": begun["user_code"].lower().replace("-", " ")}).content.decode()
    assert "Build &lt;b&gt;server" in page
    assert "127.0.0.1" in page
    assert "Ada Lovelace" in page
    assert begun["user_code"] in page
    assert DeviceGrant.objects.values().get() == before
    assert ask(begun).json()["error"] == "authorization_pending"


def test_a_link_to_the_page_survives_signing_in(db: None) -> None:
    answer = Client().get("/devices/?code=BCDF-GHJK")
    assert answer.status_code == 302
    assert "next=/devices/%3Fcode%3DBCDF-GHJK" in answer.headers["Location"]


def test_another_site_cannot_confirm_for_a_person(ada: Person) -> None:
    begun = begin()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    answer = browser.post("/devices/decision/", {"code": begun["user_code"], "decision": "allow"})
    assert answer.status_code == 403
    assert ask(begun).json()["error"] == "authorization_pending"


def test_a_refused_program_is_told_so_and_stays_refused(ada: Person) -> None:
    begun = begin()
    assert "It was refused" in decide(ada, begun, "refuse").content.decode()
    assert ask(begun).json()["error"] == "access_denied"
    assert decide(ada, begun).status_code == 404
    assert ask(begun).json()["error"] == "access_denied"
    assert not ApiToken.objects.exists()


def test_a_token_is_given_once(ada: Person) -> None:
    begun = begin()
    decide(ada, begun)
    assert ask(begun).status_code == 200
    assert ask(begun).json()["error"] == "expired_token"
    assert ApiToken.objects.count() == 1


def test_a_code_that_one_person_used_is_no_code_for_another(ada: Person, grace: Person) -> None:
    begun = begin()
    decide(ada, begun)
    assert decide(grace, begun).status_code == 404
    assert signed_in(grace).get("/devices/", {"code": begun["user_code"]}).status_code == 404
    ask(begun)
    assert ApiToken.objects.get().person == ada


def test_a_program_that_asks_too_often_is_slowed_down_and_remembered(ada: Person) -> None:
    begun = begin()
    ask(begun)
    assert ask(begun, waited=False).json()["error"] == "slow_down"
    assert DeviceGrant.objects.get().interval == POLL_SECONDS + 5
    decide(ada, begun)
    # Even what was confirmed is not given to somebody who hammers.
    assert ask(begun, waited=False).json()["error"] == "slow_down"
    assert ask(begun).status_code == 200


def late() -> None:
    DeviceGrant.objects.update(expires_at=timezone.now())


def test_a_code_that_is_late_can_neither_be_confirmed_nor_redeemed(ada: Person) -> None:
    begun = begin()
    late()
    assert decide(ada, begun).status_code == 404
    assert ask(begun).json()["error"] == "expired_token"


def test_what_was_confirmed_must_be_fetched_in_time(ada: Person) -> None:
    begun = begin()
    decide(ada, begun)
    late()
    assert ask(begun).json()["error"] == "expired_token"
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("code", ["", "x", "A" * 43, "\ud800", "☃" * 400])
def test_a_device_code_that_was_never_given_gets_nothing(db: None, code: str) -> None:
    text = code.encode("utf-8", "replace").decode()
    assert Client().post("/devices/token/", {"device_code": text}).json()["error"] == "expired_token"


def test_the_user_code_alone_gets_no_token(ada: Person) -> None:
    begun = begin()
    decide(ada, begun)
    answer = Client().post("/devices/token/", {"device_code": begun["user_code"]})
    assert answer.json()["error"] == "expired_token"


def test_the_database_holds_no_device_code(db: None) -> None:
    begun = begin()
    row = DeviceGrant.objects.values().get()
    assert begun["device_code"] not in str(row)
    stored = bytes(row["device_code_hash"]).hex()
    assert Client().post("/devices/token/", {"device_code": stored}).json()["error"] == "expired_token"


def test_somebody_disabled_or_without_a_role_after_confirming_lets_nothing_in(ada: Person, vera: Person) -> None:
    first, second = begin(), begin()
    decide(ada, first)
    decide(vera, second)
    Person.objects.filter(pk=ada.pk).update(is_active=False)
    RoleGrant.objects.filter(person=vera).delete()
    assert ask(first).json()["error"] == "access_denied"
    assert ask(second).json()["error"] == "access_denied"


def test_somebody_without_a_role_sees_no_page_and_confirms_nothing(oscar: Person) -> None:
    begun = begin()
    assert signed_in(oscar).get("/devices/").status_code == 404
    assert decide(oscar, begun).status_code == 404
    assert ask(begun).json()["error"] == "authorization_pending"


def test_guessing_codes_ends_after_ten_even_with_a_right_one(ada: Person, grace: Person) -> None:
    begun = begin()
    browser = signed_in(ada)
    for number in range(10):
        assert browser.get("/devices/", {"code": f"BCDF-BCD{'BCDFGHJKLM'[number]}"}).status_code == 404
    assert browser.get("/devices/", {"code": begun["user_code"]}).status_code == 429
    assert browser.post("/devices/decision/", {"code": begun["user_code"], "decision": "allow"}).status_code == 429
    # One person's guesses lock nobody else out.
    assert decide(grace, begun).status_code == 200


def test_beginning_over_and_over_is_stopped(db: None) -> None:
    answers = [Client().post("/devices/", {"client_name": "Loop"}).status_code for _ in range(12)]
    assert answers == [201] * 10 + [429] * 2


@pytest.mark.parametrize("name", ["", " ", "n" * 101, "bell\x07", "right\u202eleft"])
def test_a_program_without_a_readable_name_cannot_begin(db: None, name: str) -> None:
    answer = Client().post("/devices/", {"client_name": name})
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


def test_a_decision_that_is_neither_is_refused(ada: Person) -> None:
    begun = begin()
    assert decide(ada, begun, "both").status_code == 404
    assert ask(begun).json()["error"] == "authorization_pending"


def test_two_at_once_get_one_token(ada: Person) -> None:
    """The row is locked: the second finds it used."""
    begun = begin()
    decide(ada, begun)
    services.redeem(device_code=begun["device_code"])
    DeviceGrant.objects.update(polled_at=None)
    with pytest.raises(Exception, match="is over"):
        services.redeem(device_code=begun["device_code"])


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("bcdf-ghjk", "BCDFGHJK"),
        (" BCDF GHJK ", "BCDFGHJK"),
        ("BCDF-GHJA", ""),  # vowels are in no code
        ("BCDF-GHJ", ""),
        ("BCDF-GHJKK", ""),
        ("ＢCDF-GHJK", ""),
        ("", ""),
    ],
)
def test_a_code_is_read_as_people_type_it(typed: str, code: str) -> None:
    assert normalised_user_code(typed) == code


def test_old_sign_ins_are_forgotten(db: None) -> None:
    begin()
    DeviceGrant.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    begin()
    assert DeviceGrant.objects.count() == 1
