"""Naming and revoking keys, and who gets to the page at all."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.test import Client

from accounts.keys import services
from accounts.models import ApproverKey, Person
from audit.models import LedgerEntry
from audit.statements.statements import parse
from tests.accounts.browser import ORIGIN, Browser, ask_challenge, post_key
from tests.accounts.conftest import signed_in
from tests.endorsing import endorsed
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident
from warrants.minting.services import mint

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}
FRAGMENT = {"hx-request": "true"}


def enrolled(person: Person, name: str = "Work laptop") -> ApproverKey:
    envelope = Browser().enrolment(person, services.begin_enrolment(person=person)).to_bytes()
    return services.enrol(person=person, envelope=envelope, name=name, origin=ORIGIN)


@pytest.fixture
def key(ada: Person) -> ApproverKey:
    return enrolled(ada)


def test_the_page_shows_the_persons_own_keys_only(ada: Person, grace: Person, ada_client: Client) -> None:
    enrolled(ada, "Ada’s phone")
    enrolled(grace, "Grace’s phone")
    page = ada_client.get("/keys/").content.decode()
    assert "Ada’s phone" in page
    assert "Grace’s phone" not in page


def test_the_page_is_never_cached(ada_client: Client) -> None:
    assert "no-store" in ada_client.get("/keys/").headers["Cache-Control"]


def test_a_name_with_markup_is_shown_as_text(ada: Person, ada_client: Client) -> None:
    enrolled(ada, "<script>alert(1)</script>")
    page = ada_client.get("/keys/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_person_renames_their_key(ada_client: Client, key: ApproverKey) -> None:
    response = ada_client.post(f"/keys/{key.pk}/name/", {"name": "Phone"}, headers=JSON)
    assert (response.status_code, response.json()["name"]) == (200, "Phone")
    key.refresh_from_db()
    assert key.name == "Phone"


def test_a_plain_form_comes_back_to_the_page_and_says_what_was_done(ada_client: Client, key: ApproverKey) -> None:
    response = ada_client.post(f"/keys/{key.pk}/name/", {"name": "Phone"}, follow=True)
    assert response.redirect_chain == [("/keys/", 302)]
    assert "Its name is “Phone” now." in response.content.decode()


def test_htmx_gets_the_list_back(ada_client: Client, key: ApproverKey) -> None:
    response = ada_client.post(f"/keys/{key.pk}/name/", {"name": "Phone"}, headers=FRAGMENT)
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    assert "Phone" in response.content.decode()


def test_a_refused_name_says_why_and_keeps_what_was_typed(ada_client: Client, key: ApproverKey) -> None:
    response = ada_client.post(f"/keys/{key.pk}/name/", {"name": "P" * 101}, headers=FRAGMENT)
    assert response.status_code == 422
    assert "1 to 100 visible characters" in response.content.decode()
    assert "P" * 101 in response.content.decode()


def test_a_refused_enrolment_by_a_plain_form_is_a_page_with_the_reason(ada_client: Client) -> None:
    response = ada_client.post("/keys/", {"envelope": "!", "name": "Phone"})
    assert response.status_code == 400
    assert "not base64" in response.content.decode()


def test_an_enrolment_by_a_plain_form_goes_on_to_where_the_person_came_from(ada: Person, ada_client: Client) -> None:
    envelope = base64.b64encode(Browser().enrolment(ada, ask_challenge(ada_client)).to_bytes()).decode()
    response = ada_client.post("/keys/?next=/approvals/7/", {"envelope": envelope, "name": "Phone"})
    assert (response.status_code, response.url) == (302, "/approvals/7/")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_page_offers_no_way_to_another_site(ada_client: Client, elsewhere: str) -> None:
    response = ada_client.get("/keys/", {"next": elsewhere})
    assert response.context["next"] == ""
    assert "evil.example" not in response.content.decode()


def test_a_revoked_key_stays_in_the_list_and_in_the_ledger(ada_client: Client, key: ApproverKey) -> None:
    response = ada_client.post(f"/keys/{key.pk}/revocation/", {"reason": "laptop lost"}, headers=JSON)
    assert response.status_code == 200
    key.refresh_from_db()
    assert key.is_revoked
    facts = parse(bytes(LedgerEntry.objects.latest("id").envelope)).facts
    assert (facts["chain"], facts["kind"]) == ("keys", "key.revoked")
    assert facts["details"] == {
        "person": "local:ada",
        "key": bytes(key.public_key),
        "reason": "laptop lost",
        "revoked_by": "local:ada",
    }
    assert key.name in ada_client.get("/keys/").content.decode()


def test_revoking_twice_is_one_revocation(ada_client: Client, key: ApproverKey) -> None:
    for _ in range(2):
        assert ada_client.post(f"/keys/{key.pk}/revocation/", {"reason": "lost"}, headers=JSON).status_code == 200
    assert LedgerEntry.objects.count() == 2  # enrolled, revoked


@pytest.mark.parametrize("reason", ["x" * 501, "lost\u202e"])
def test_a_reason_that_cannot_be_read_is_refused(ada_client: Client, key: ApproverKey, reason: str) -> None:
    response = ada_client.post(f"/keys/{key.pk}/revocation/", {"reason": reason}, headers=JSON)
    assert (response.status_code, response.json()["field"]) == (422, "reason")
    key.refresh_from_db()
    assert not key.is_revoked


# --- who gets in ----------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "field"), [("name", "name"), ("revocation", "reason")])
def test_nobody_touches_another_persons_key(grace_client: Client, key: ApproverKey, path: str, field: str) -> None:
    response = grace_client.post(f"/keys/{key.pk}/{path}/", {field: "mine now"}, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (404, "unknown_key")
    key.refresh_from_db()
    assert (key.name, key.revoked_at) == ("Work laptop", None)


@pytest.mark.parametrize("key_id", ["0", "999", "99999999999999999999999999", "x", "-1", "1.5"])
def test_a_key_that_does_not_exist_is_404(ada_client: Client, key_id: str) -> None:
    assert ada_client.post(f"/keys/{key_id}/name/", {"name": "x"}, headers=JSON).status_code == 404


ADDRESSES = [
    ("get", "/keys/"),
    ("post", "/keys/"),
    ("post", "/keys/challenge/"),
    ("post", "/keys/1/name/"),
    ("post", "/keys/1/revocation/"),
]


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_anonymous_people_are_sent_to_sign_in(client: Client, method: str, address: str) -> None:
    response = getattr(client, method)(address)
    assert (response.status_code, response.url) == (302, f"/accounts/login/?next={address}")


@pytest.mark.parametrize("headers", [JSON, FRAGMENT])
@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_anonymous_scripts_are_told_to_sign_in(client: Client, method: str, address: str, headers: dict) -> None:
    response = getattr(client, method)(address, headers=headers)
    assert response.status_code == 401
    assert "You are not signed in" in response.content.decode()


@pytest.mark.parametrize("who", ["vera", "oscar"])
@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_people_who_do_not_approve_find_nothing(
    request: pytest.FixtureRequest, who: str, method: str, address: str
) -> None:
    response = getattr(signed_in(request.getfixturevalue(who)), method)(address)
    assert response.status_code == 404
    assert not ApproverKey.objects.exists()


@pytest.mark.parametrize("address", ["/keys/challenge/", "/keys/1/name/", "/keys/1/revocation/"])
def test_getting_changes_nothing(ada_client: Client, address: str) -> None:
    assert ada_client.get(address).status_code == 405


@pytest.mark.parametrize("address", [address for method, address in ADDRESSES if method == "post"])
def test_forms_of_other_sites_are_refused(ada: Person, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.post(address, {"name": "x"}).status_code == 403
    foreign: dict[str, Any] = {"headers": {"origin": "https://evil.example"}}
    assert client.post(address, {"name": "x"}, **foreign).status_code == 403


def test_the_page_itself_gives_the_token_its_forms_need(ada: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    client.get("/keys/")
    token = client.cookies["countersign_csrf"].value
    response = client.post("/keys/challenge/", headers={"x-csrftoken": token})
    assert response.status_code == 200
    envelope = Browser().enrolment(ada, services.begin_enrolment(person=ada)).to_bytes()
    assert post_key(client, envelope).status_code == 403


def test_a_session_of_a_deactivated_person_ends_at_once(ada: Person, ada_client: Client) -> None:
    assert ada_client.get("/keys/").status_code == 200
    Person.objects.filter(pk=ada.pk).update(is_active=False)
    assert ada_client.get("/keys/").status_code == 302
    assert ada_client.post("/keys/challenge/", headers=JSON).status_code == 401


# --- what the page says of a key ------------------------------------------------------------


@pytest.mark.parametrize(("strength", "badge"), [("ordinary", "Ordinary"), ("strong", "Strong: needs a passkey")])
def test_the_page_says_how_well_each_key_is_kept(
    ada_client: Client, key: ApproverKey, strength: str, badge: str
) -> None:
    ApproverKey.objects.update(strength=strength)
    assert f'">{badge}</span>' in ada_client.get("/keys/").content.decode()


def test_a_key_that_never_signed_and_is_named_nowhere_says_so(ada_client: Client, key: ApproverKey) -> None:
    page = ada_client.get("/keys/").content.decode()
    assert "<dt>Last signed</dt><dd>never</dd>" in page
    assert "Named in no live warrant." in page


def test_the_page_shows_the_incidents_whose_warrants_name_a_key(ada_client: Client, key: ApproverKey) -> None:
    incident = Incident(id="<b>P1042</b>", title="Errors", severity="low", service="checkout", namespace="default")
    agent = ensure_agent(name="incident-agent")
    minted = mint(policy="incident-response", incident=incident, agent=agent, approvers=[endorsed(key)])
    for headers in ({}, FRAGMENT):
        page = ada_client.post(f"/keys/{key.pk}/name/", {"name": "Phone"}, headers=headers, follow=True)
        assert "Named in 1 live warrant<" in page.content.decode()
        assert f'<a href="/incidents/{minted.id}/">&lt;b&gt;P1042&lt;/b&gt;</a> on checkout' in page.content.decode()
