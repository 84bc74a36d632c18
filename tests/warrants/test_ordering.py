"""Asking for a warrant: from the command line, over HTTP, on the page. Asking again mints nothing more."""

from __future__ import annotations

import base64
import json
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tenuo_core
import yaml
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.errors import MintingTokenRefused
from accounts.models import ApproverKey, Person, RoleGrant
from accounts.roles.contracts import Role
from accounts.tokens import services as tokens
from accounts.tokens.contracts import Scope
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from audit.statements.terms import terms_of
from tests.people import hold, person
from tests.warrants.conftest import approver_key
from warrants.errors import IssuerUnavailable
from warrants.minting import ordering as ordering_services
from warrants.models import AgentIdentity, MintOrder, Warrant

pytestmark = pytest.mark.django_db
OPENAPI = yaml.safe_load((Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml").read_text())
ORDER = {
    "policy": "incident-response",
    "incident_id": "P1042",
    "title": "High error rate on payment-service-prod",
    "severity": "critical",
    "service": "payment-service-prod",
}
COMMAND = ["mint_warrant", "--policy", "incident-response", "--incident", "P1042", "--title", "High error rate",
           "--severity", "critical", "--service", "payment-service-prod"]  # fmt: skip


@pytest.fixture
def admin(db: None) -> Person:
    return person("root", Role.SECURITY_ADMINISTRATOR)


@pytest.fixture
def text(admin: Person) -> str:
    return tokens.make(person=admin, name="Deploy", scope=Scope.MINTING)[1]


@pytest.fixture(autouse=True)
def ready(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    """An agent, and somebody who may approve."""


def ordering(text: str, *, key: str = "one", body: Any = None, **changes: Any) -> HttpResponse:
    """Send an order as a program does, and hold the answer against the description of the interface."""
    answer = Client(enforce_csrf_checks=True).post(
        "/api/v1/warrants",
        json.dumps({**ORDER, **changes}) if body is None else body,
        content_type="application/json",
        headers={"authorization": f"Bearer {text}", **({"idempotency-key": key} if key else {})},
    )
    described = OPENAPI["paths"]["/api/v1/warrants"]["post"]["responses"][str(answer.status_code)]
    schema = {**described["content"]["application/json"]["schema"], "components": OPENAPI["components"]}
    jsonschema.validate(answer.json(), schema)
    return answer


# --- Over HTTP --------------------------------------------------------------------------------


def test_a_program_gets_a_warrant_that_its_person_cannot_approve_under(text: str, admin: Person) -> None:
    answer = ordering(text)
    assert answer.status_code == 201
    minted = answer.json()
    warrant = tenuo_core.Warrant.from_bytes(base64.b64decode(minted["chain"][0]))
    assert (warrant.id, minted["agent"], minted["namespace"]) == (minted["id"], "incident-agent", "default")
    assert admin.external_id in terms_of([warrant]).barred_people
    assert MintOrder.objects.get().requester == admin.external_id


def test_whoever_orders_a_warrant_and_is_its_only_approver_gets_none(ada_key: ApproverKey) -> None:
    RoleGrant.objects.filter(person=ada_key.person).delete()
    alone = hold(approver_key("second").person, Role.SECURITY_ADMINISTRATOR)
    answer = ordering(tokens.make(person=alone, name="x", scope=Scope.MINTING)[1])
    assert (answer.status_code, answer.json()["code"]) == (422, "too_few_people")
    assert not Warrant.objects.exists()


def test_the_same_key_gives_the_same_warrant_and_mints_once(text: str) -> None:
    first, again = ordering(text), ordering(text)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Warrant.objects.count() == LedgerEntry.objects.filter(kind=EntryKind.WARRANT_MINTED).count() == 1
    assert ordering(text, key="two").json()["id"] != first.json()["id"]


def test_two_at_once_with_the_same_key_end_with_one_warrant(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second looked before the first had finished."""
    first = ordering(text).json()
    real, looks = ordering_services._earlier, []

    def too_early(*arguments: Any) -> Any:
        looks.append(arguments)
        return real(*arguments) if len(looks) > 1 else None

    monkeypatch.setattr(ordering_services, "_earlier", too_early)
    answer = ordering(text)
    assert (answer.status_code, answer.json()) == (200, first)
    assert Warrant.objects.count() == LedgerEntry.objects.filter(kind=EntryKind.WARRANT_MINTED).count() == 1


def test_the_same_key_for_something_else_is_a_conflict(text: str) -> None:
    ordering(text)
    answer = ordering(text, service="checkout-prod")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
    assert Warrant.objects.count() == 1


def test_another_persons_key_is_another_key(text: str) -> None:
    other = tokens.make(person=person("second", Role.SECURITY_ADMINISTRATOR), name="x", scope=Scope.MINTING)[1]
    assert ordering(text).json()["id"] != ordering(other).json()["id"]


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"key": ""}, 400, "invalid_idempotency_key", "Idempotency-Key"),
        ({"key": "x" * 201}, 400, "invalid_idempotency_key", "Idempotency-Key"),
        ({"body": "{"}, 400, "malformed_order", ""),
        ({"body": "[]"}, 400, "malformed_order", ""),
        ({"body": "[" * 15_000}, 400, "malformed_order", ""),
        ({"body": '{"policy": "a", "policy": "b"}'}, 400, "malformed_order", ""),
        ({"body": b"\xff"}, 400, "malformed_order", ""),
        ({"body": " " * 20_000}, 400, "malformed_order", ""),
        ({"surprise": 1}, 400, "malformed_order", "surprise"),
        ({"title": None}, 400, "malformed_order", "title"),
        ({"title": ["x"]}, 400, "malformed_order", "title"),
        ({"barred_people": "ada"}, 400, "malformed_order", "barred_people"),
        ({"barred_people": ["\ud800"]}, 422, "invalid_incident", "barred_people"),
        ({"title": "\ud800"}, 422, "invalid_incident", "title"),
        ({"title": "a\0b"}, 422, "invalid_incident", "title"),
        ({"severity": "worst"}, 422, "invalid_incident", "severity"),
        ({"policy": "a\0b"}, 404, "unknown_policy", "policy"),
        ({"policy": "\ud800"}, 404, "unknown_policy", "policy"),
        ({"policy": "../../etc/passwd"}, 404, "unknown_policy", "policy"),
        ({"agent": "a\0b"}, 404, "unknown_agent", "agent"),
        ({"agent": "somebody-else"}, 404, "unknown_agent", "agent"),
        ({"namespace": "\ud800"}, 422, "invalid_incident", "namespace"),
        ({"namespace": "elsewhere"}, 422, "invalid_incident", "namespace"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_minted(
    text: str, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = ordering(text, **changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert not Warrant.objects.exists()
    assert not MintOrder.objects.exists()
    assert ordering(text).status_code == 201, "the key was not used up"


def test_an_issuer_that_cannot_sign_is_told_and_the_key_is_not_used_up(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise IssuerUnavailable("There is no token 'HSM'. Is it plugged in?")

    with monkeypatch.context() as patched:
        patched.setattr("warrants.issuers.signing.IssuerSigner.sign", away)
        answer = ordering(text)
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
    assert ordering(text).status_code == 201


# --- Tokens -----------------------------------------------------------------------------------


def test_a_token_for_the_command_line_mints_nothing(admin: Person) -> None:
    answer = ordering(tokens.make(person=admin, name="Laptop")[1])
    assert (answer.status_code, answer.json()["code"]) == (403, "token_not_taken")


def test_a_token_for_minting_opens_nothing_else(text: str) -> None:
    headers = {"authorization": f"Bearer {text}", "accept": "application/json"}
    for path in ("/approvals/", "/tokens/current/", "/warrants/mint/", "/keys/"):
        assert Client().get(path, headers=headers).json()["code"] == "token_not_taken"


def test_only_security_administrators_make_one(ada_key: ApproverKey) -> None:
    with pytest.raises(MintingTokenRefused):
        tokens.make(person=ada_key.person, name="x", scope=Scope.MINTING)
    browser = Client()
    browser.force_login(ada_key.person)
    answer = browser.post("/tokens/", {"name": "x", "hours": "8", "scope": "minting"})
    assert answer.status_code == 403
    assert "What it may do" not in answer.content.decode()
    assert not ada_key.person.api_tokens.exists()


def test_a_person_who_is_no_administrator_any_more_mints_nothing(text: str, admin: Person) -> None:
    RoleGrant.objects.filter(person=admin).update(namespace="elsewhere")
    answer = ordering(text)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_minter")
    assert not Warrant.objects.exists()


def test_a_session_is_no_token(admin: Person) -> None:
    browser = Client()
    browser.force_login(admin)
    answer = browser.post("/api/v1/warrants", json.dumps(ORDER), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "dead_token")


def test_the_description_names_every_address_under_api() -> None:
    assert set(OPENAPI["paths"]) == {reverse("minting:api")}
    schema = OPENAPI["components"]["schemas"]["Order"]
    jsonschema.validate(ORDER, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**ORDER, "surprise": 1}, schema)


# --- The page ---------------------------------------------------------------------------------


def test_an_administrator_mints_on_the_page_and_sending_it_twice_mints_once(admin: Person) -> None:
    browser = Client()
    browser.force_login(admin)
    page = browser.get("/warrants/mint/")
    assert page.status_code == 200
    form = {
        **ORDER,
        "namespace": "default",
        "agent": "incident-agent",
        "idempotency_key": "of-this-page",
        "signed_by": "installation",
    }
    for _ in range(2):
        answer = browser.post("/warrants/mint/", form)
        assert answer.status_code == 201
        assert Warrant.objects.get().id in answer.content.decode()
    assert b"/warrants/mint/" in browser.get("/policies/").content


def test_the_page_says_why_nothing_was_minted(admin: Person, ada_key: ApproverKey) -> None:
    browser = Client()
    browser.force_login(admin)
    RoleGrant.objects.filter(person=ada_key.person).delete()
    form = {
        **ORDER,
        "namespace": "default",
        "agent": "incident-agent",
        "idempotency_key": "of-this-page",
        "signed_by": "installation",
    }
    answer = browser.post("/warrants/mint/", form)
    assert answer.status_code == 422
    assert "There is nobody to approve" in answer.content.decode()
    assert browser.post("/warrants/mint/", {**form, "policy": "none"}).status_code == 422


# --- The command ------------------------------------------------------------------------------


def commanded(*more: str) -> str:
    out = StringIO()
    call_command(*COMMAND, *more, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_command_prints_the_same_warrant_for_the_same_incident() -> None:
    first = commanded("--barred", "local:grace")
    warrant = tenuo_core.Warrant.from_bytes(base64.b64decode(first))
    assert terms_of([warrant]).barred_people == ("local:grace",)
    assert commanded("--barred", "local:grace") == first
    assert commanded("--idempotency-key", "another") != first
    with pytest.raises(CommandError, match="Idempotency-Key"):
        commanded()


def test_the_command_says_which_field_is_wrong() -> None:
    with pytest.raises(CommandError, match=r"agent: There is no agent named 'nobody'"):
        commanded("--agent", "nobody")
