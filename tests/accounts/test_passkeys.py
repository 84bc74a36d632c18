"""People add, name and remove passkeys, and are asked for one when they sign in."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from fido2.utils import websafe_encode

from accounts.models import PasskeyChallenge, Person, StepUp
from accounts.passkeys.services import MAXIMUM_PASSKEYS
from accounts.sign_in.services import issue_link
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from tests.accounts.authenticator import JSON, Passkey, add_passkey, challenge_for, post_step_up, step_up

pytestmark = pytest.mark.django_db


def by_link(person: Person, client: Client | None = None) -> Client:
    """Sign in as people do, so that the session knows how and when."""
    client = client or Client()
    path = issue_link(person=person, valid_for_seconds=600).removeprefix("http://localhost:5050")
    client.post(path)
    return client


def who(client: Client) -> int | None:
    found = client.session.get("_auth_user_id")
    return int(found) if found else None


def grow_old(client: Client, seconds: int = 301) -> None:
    """Let the session's sign-ins be that long ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def second_factor(client: Client, passkey: Passkey, **changes: Any) -> Any:
    options = client.post("/accounts/second-factor/challenge/", headers=JSON).json()
    return client.post("/accounts/second-factor/", {"credential": passkey.assertion(options["challenge"], **changes)})


# --- Adding, naming, removing ---------------------------------------------------------------


def test_a_person_adds_a_passkey_and_the_ledger_says_so(ada: Person) -> None:
    client = by_link(ada)
    add_passkey(client, "Phone")
    assert "Phone" in client.get("/passkeys/").content.decode()
    assert LedgerEntry.objects.filter(kind=EntryKind.PASSKEY_ADDED, chain="keys").count() == 1


def test_somebody_without_a_role_has_no_such_page(oscar: Person) -> None:
    client = by_link(oscar)
    assert client.get("/passkeys/").status_code == 404
    assert client.post("/passkeys/challenge/", headers=JSON).status_code == 404
    assert client.post("/step-up/challenge/", {"purpose": "passkeys"}, headers=JSON).status_code == 404


def test_a_stranger_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/passkeys/").url == "/accounts/login/?next=/passkeys/"
    for path in ("/passkeys/challenge/", "/step-up/", "/step-up/challenge/"):
        assert client.post(path, headers=JSON).status_code == 401


def test_an_old_session_adds_no_passkey(ada: Person) -> None:
    """A stolen session must not get a passkey of its own."""
    client = by_link(ada)
    grow_old(client)
    answer = client.post("/passkeys/challenge/", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_fresh")
    assert "Sign out and in again" in client.get("/passkeys/").content.decode()


def test_a_session_that_grows_old_while_adding_adds_nothing(ada: Person) -> None:
    client, passkey = by_link(ada), Passkey()
    challenge = client.post("/passkeys/challenge/", headers=JSON).json()["challenge"]
    grow_old(client)
    answer = client.post("/passkeys/", {"credential": passkey.creation(challenge), "name": "Phone"}, headers=JSON)
    assert answer.json()["code"] == "not_fresh"
    assert not Authenticator.objects.exists()


def test_a_session_without_a_known_sign_in_adds_no_passkey(ada_client: Client) -> None:
    assert ada_client.post("/passkeys/challenge/", headers=JSON).json()["code"] == "not_fresh"


def test_who_has_a_passkey_needs_it_to_add_another_however_fresh_the_session(ada: Person) -> None:
    client = by_link(ada)
    first = add_passkey(client)
    assert client.post("/passkeys/challenge/", headers=JSON).json()["code"] == "not_fresh"
    assert step_up(client, first, "passkeys").status_code == 200
    add_passkey(client, "Key on the keyring")
    # One confirmation, one change.
    assert client.post("/passkeys/challenge/", headers=JSON).json()["code"] == "not_fresh"


def test_removing_a_passkey_needs_a_passkey(ada: Person) -> None:
    client = by_link(ada)
    passkey = add_passkey(client)
    removal = f"/passkeys/{Authenticator.objects.get().pk}/removal/"
    assert client.post(removal, headers=JSON).json()["code"] == "not_fresh"
    assert Authenticator.objects.exists()
    step_up(client, passkey, "passkeys")
    assert client.post(removal, headers=JSON).status_code == 200
    assert not Authenticator.objects.exists()
    assert LedgerEntry.objects.filter(kind=EntryKind.PASSKEY_REMOVED).count() == 1


def test_a_confirmation_for_an_approval_changes_no_passkey(ada: Person) -> None:
    client = by_link(ada)
    passkey = add_passkey(client)
    step_up(client, passkey, "approval:req_12345678")
    assert client.post("/passkeys/challenge/", headers=JSON).json()["code"] == "not_fresh"


def test_a_persons_passkeys_are_nobody_elses(ada: Person, grace: Person) -> None:
    add_passkey(by_link(ada))
    pk, other = Authenticator.objects.get().pk, by_link(grace)
    assert other.post(f"/passkeys/{pk}/removal/", headers=JSON).status_code == 404
    assert other.post(f"/passkeys/{pk}/name/", {"name": "Mine"}, headers=JSON).status_code == 404
    assert Authenticator.objects.get().wrap().name == "Phone"


def test_a_passkey_is_renamed_and_bad_names_are_refused(ada: Person) -> None:
    client = by_link(ada)
    add_passkey(client)
    path = f"/passkeys/{Authenticator.objects.get().pk}/name/"
    assert client.post(path, {"name": "Old phone"}).status_code == 302
    for name in ("", " ", "\x00", "a\u202eb", "x" * 101):
        assert client.post(path, {"name": name}, headers=JSON).json()["code"] == "invalid_name"
    assert Authenticator.objects.get().wrap().name == "Old phone"


def test_one_passkey_belongs_to_one_person(ada: Person, grace: Person) -> None:
    passkey = add_passkey(by_link(ada))
    other = by_link(grace)
    challenge = other.post("/passkeys/challenge/", headers=JSON).json()["challenge"]
    answer = other.post("/passkeys/", {"credential": passkey.creation(challenge), "name": "Mine"}, headers=JSON)
    assert answer.json()["code"] == "passkey_taken"


def test_there_is_an_end_to_passkeys(ada: Person) -> None:
    client = by_link(ada)
    passkey = add_passkey(client)
    for number in range(MAXIMUM_PASSKEYS - 1):
        cache.clear()  # patience, for the rate limits
        step_up(client, passkey, "passkeys")
        add_passkey(client, f"Number {number}")
    step_up(client, passkey, "passkeys")
    assert client.post("/passkeys/challenge/", headers=JSON).json()["code"] == "too_many_passkeys"


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:5051"},
        {"rp_id": "evil.example"},
        {"verified": False},
        {"cross_origin": True},
    ],
    ids=str,
)
def test_a_passkey_made_elsewhere_or_without_a_finger_is_not_added(ada: Person, changes: dict[str, Any]) -> None:
    client, passkey = by_link(ada), Passkey()
    challenge = client.post("/passkeys/challenge/", headers=JSON).json()["challenge"]
    credential = passkey.creation(challenge, **changes)
    answer = client.post("/passkeys/", {"credential": credential, "name": "Phone"}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "passkey_refused")
    # And the challenge is gone: the right answer comes too late.
    credential = passkey.creation(challenge)
    answer = client.post("/passkeys/", {"credential": credential, "name": "Phone"}, headers=JSON)
    assert answer.json()["code"] == "unusable_challenge"
    assert not Authenticator.objects.exists()


GARBAGE = [
    "",
    "{}",
    "[]",
    "null",
    "1",
    '"x"',
    "[" * 9999,
    '{"response": 1}',
    '{"response": {"clientDataJSON": "AAAA"}}',
]


@pytest.mark.parametrize("credential", [*GARBAGE, "x" * 70_000], ids=lambda text: text[:20] or "nothing")
def test_garbage_is_refused_and_breaks_nothing(ada: Person, credential: str) -> None:
    client = by_link(ada)
    answer = client.post("/passkeys/", {"credential": credential, "name": "Phone"}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "passkey_refused")
    answer = post_step_up(client, "passkeys", credential)
    assert (answer.status_code, answer.json()["code"]) == (422, "passkey_refused")


def test_a_challenge_for_a_step_up_adds_no_passkey(ada: Person) -> None:
    client = by_link(ada)
    passkey = add_passkey(client)
    step_up(client, passkey, "passkeys")
    challenge = challenge_for(client, "passkeys")
    answer = client.post("/passkeys/", {"credential": Passkey().creation(challenge), "name": "Mine"}, headers=JSON)
    assert answer.json()["code"] == "unusable_challenge"


def test_an_operator_removes_the_passkeys_of_somebody_who_lost_them(ada: Person) -> None:
    add_passkey(by_link(ada))
    call_command("remove_passkeys", "ada")
    assert not Authenticator.objects.exists()
    assert LedgerEntry.objects.filter(kind=EntryKind.PASSKEY_REMOVED).count() == 1
    assert who(by_link(ada)) == ada.pk


# --- Signing in -----------------------------------------------------------------------------


@pytest.fixture
def passkey(ada: Person) -> Passkey:
    return add_passkey(by_link(ada))


def test_who_has_a_passkey_is_asked_for_it_after_a_link(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada)
    assert who(client) is None
    page = client.get("/accounts/second-factor/")
    assert page.status_code == 200
    assert "Ada Lovelace" in page.content.decode()
    answer = second_factor(client, passkey)
    assert answer.url == "/approvals/"
    assert who(client) == ada.pk


def test_who_has_a_passkey_is_asked_for_it_after_a_password(ada: Person, passkey: Passkey) -> None:
    ada.set_password("correct horse battery")
    ada.save()
    client = Client()
    form = {"login": "ada", "password": "correct horse battery", "next": "/approvals/req_12345678/"}
    assert client.post("/accounts/login/", form).url.startswith("/accounts/second-factor/")
    assert who(client) is None
    assert second_factor(client, passkey).url == "/approvals/req_12345678/"
    assert who(client) == ada.pk


def test_signing_in_with_the_passkey_is_fresh_enough_to_add_another(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada)
    second_factor(client, passkey)
    add_passkey(client, "Second")


def test_another_persons_passkey_signs_nobody_in(ada: Person, grace: Person, passkey: Passkey) -> None:
    foreign = add_passkey(by_link(grace))
    client = by_link(ada)
    answer = second_factor(client, foreign)
    assert answer.status_code == 422
    assert who(client) is None


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"verified": False}, {"signer": Passkey()}],
    ids=["origin", "site", "no finger", "signature"],
)
def test_a_wrong_answer_signs_nobody_in(ada: Person, passkey: Passkey, changes: dict[str, Any]) -> None:
    client = by_link(ada)
    assert second_factor(client, passkey, **changes).status_code == 422
    assert who(client) is None


def test_an_answer_is_good_once_also_at_sign_in(ada: Person, passkey: Passkey) -> None:
    client, thief = by_link(ada), by_link(ada)
    options = client.post("/accounts/second-factor/challenge/", headers=JSON).json()
    credential = passkey.assertion(options["challenge"])
    # The thief has the link and the answer, but not the session it was asked in.
    assert thief.post("/accounts/second-factor/", {"credential": credential}).status_code == 409
    assert client.post("/accounts/second-factor/", {"credential": credential}).status_code == 302
    again = by_link(ada)
    assert again.post("/accounts/second-factor/", {"credential": credential}).status_code == 409
    assert who(again) is who(thief) is None


def test_a_step_up_challenge_is_no_second_factor(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada)
    row = PasskeyChallenge.objects
    client.post("/accounts/second-factor/challenge/", headers=JSON)
    row.filter(purpose="sign-in").update(purpose="passkeys")
    credential = passkey.assertion(websafe_encode(bytes(row.get(purpose="passkeys").challenge)))
    assert client.post("/accounts/second-factor/", {"credential": credential}).status_code == 409


def test_nobody_tries_a_second_factor_for_ever(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada)
    codes = [client.post("/accounts/second-factor/", {"credential": "{}"}).status_code for _ in range(21)]
    assert codes == [422] * 20 + [429]
    assert client.post("/accounts/second-factor/challenge/", headers=JSON).status_code == 429


def test_the_second_factor_page_without_a_first_leads_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/accounts/second-factor/").url == "/accounts/login/"
    assert client.post("/accounts/second-factor/challenge/").status_code == 302


def test_who_cannot_use_the_passkey_may_begin_again_as_somebody_else(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada)
    assert client.get("/accounts/login/").url.startswith("/accounts/second-factor/")
    assert client.post("/accounts/logout/", {"next": "/accounts/login/"}).url == "/accounts/login/"
    assert client.get("/accounts/login/").status_code == 200
    assert client.get("/accounts/second-factor/").url == "/accounts/login/"


def test_only_the_pages_that_are_needed_exist(client: Client, db: None) -> None:
    for path in ("2fa/", "mfa/", "recovery-codes/", "totp/activate/", "reauthenticate/", "webauthn/login/"):
        assert client.get(f"/accounts/{path}").status_code == 404


def test_an_old_challenge_is_thrown_away(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada)
    second_factor(client, passkey)
    challenge = challenge_for(client, "passkeys")
    PasskeyChallenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = post_step_up(client, "passkeys", passkey.assertion(challenge))
    assert answer.json()["code"] == "unusable_challenge"
    challenge_for(client, "passkeys")
    assert PasskeyChallenge.objects.count() == 1
    assert not StepUp.objects.exists()


def test_a_sign_in_of_the_future_is_not_fresh(ada: Person) -> None:
    client = by_link(ada)
    session = client.session
    session["account_authentication_methods"][0]["at"] = time.time() + 3600
    session.save()
    assert client.post("/passkeys/challenge/", headers=JSON).json()["code"] == "not_fresh"
