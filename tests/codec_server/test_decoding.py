"""The codec server: who reads what, through what, and what the ledger says of it."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Person
from accounts.people.services import disable
from accounts.roles.contracts import Role
from audit.ledger.chains import Subject, is_service_chain, namespace_chain
from audit.ledger.queries import details_of
from audit.models import LedgerChain, LedgerEntry
from audit.rings.services import rotate
from audit.statements.kinds import EntryKind
from tests import people
from tests.codec_server.conftest import (
    FROM_UI,
    PRD,
    SECRET,
    STG,
    UI,
    body_of,
    browser_of,
    data_of,
    plain,
    post,
    sealed,
    token_of,
)

pytestmark = pytest.mark.django_db


def entries(kind: EntryKind = EntryKind.PAYLOAD_DECODED, namespace: str = PRD) -> list[dict[str, Any]]:
    found = LedgerEntry.objects.filter(chain=namespace_chain(Subject.PAYLOADS, namespace), kind=kind)
    return [details_of(entry) for entry in found]


# --- Who reads --------------------------------------------------------------------------------


def test_temporals_ui_reads_with_the_session_of_a_reader(rosa: Person) -> None:
    answer = post(
        browser_of(rosa), "/codec/decode?preserveStorageRefs=true", body_of(sealed()), {**FROM_UI, "x-namespace": PRD}
    )
    assert data_of(answer) == [SECRET]
    assert answer.json()["payloads"][0]["metadata"] == {"encoding": base64.b64encode(b"json/plain").decode()}
    assert answer["Access-Control-Allow-Origin"] == UI
    assert answer["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer["Vary"]
    assert answer["Cache-Control"] == "no-store"


def test_the_command_line_reads_with_a_token(rosa: Person) -> None:
    answer = post(Client(), f"/codec/{PRD}/decode", body_of(sealed()), {**token_of(rosa), "x-namespace": PRD})
    assert data_of(answer) == [SECRET]
    assert "Access-Control-Allow-Origin" not in answer


def test_nobody_reads_without_a_session_or_token(rosa: Person) -> None:
    answer = post(Client(), f"/codec/{PRD}/decode", body_of(sealed()), FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")
    assert answer["WWW-Authenticate"] == 'Bearer realm="Countersign"'
    assert answer["Access-Control-Allow-Origin"] == UI


def test_an_expired_token_reads_nothing_and_the_ui_may_see_why(rosa: Person) -> None:
    token = token_of(rosa)
    now = timezone.now()
    ApiToken.objects.update(created_at=now - timedelta(hours=9), expires_at=now - timedelta(hours=1))
    answer = post(Client(), f"/codec/{PRD}/decode", body_of(sealed()), {**token, **FROM_UI})
    assert (answer.status_code, answer.json()["code"]) == (401, "dead_token")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Access-Control-Allow-Origin"] == UI


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PAYLOAD_READER])
def test_whoever_only_sees_the_namespace_reads_nothing(rings: None, role: Role) -> None:
    somebody = people.person("somebody", role, namespace=PRD)
    answer = post(browser_of(somebody), f"/codec/{PRD}/decode", body_of(sealed()), FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (403, "may_not_read")
    assert answer["Access-Control-Allow-Origin"] == UI
    assert entries() == []


def test_a_namespace_that_does_not_exist_answers_like_a_forbidden_one(stan: Person) -> None:
    client, body = browser_of(stan), body_of(sealed())
    answers = [post(client, f"/codec/{name}/decode", body, FROM_UI) for name in (PRD, "finance-ai-xxx")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content.replace(PRD.encode(), b"finance-ai-xxx") == answers[1].content


def test_whoever_may_read_everywhere_is_told_that_a_namespace_has_no_keys(rings: None) -> None:
    everywhere = people.person("eve", Role.PAYLOAD_READER)
    answer = post(browser_of(everywhere), "/codec/no-such/decode", body_of(sealed()), FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_namespace")
    assert not LedgerChain.objects.filter(namespace="no-such").exists()


def test_a_disabled_person_reads_nothing_from_that_moment_on(rosa: Person) -> None:
    client, token, body = browser_of(rosa), token_of(rosa), body_of(sealed())
    disable(person=rosa, disabled_by="command line")
    assert post(client, f"/codec/{PRD}/decode", body, FROM_UI).status_code == 401
    assert post(Client(), f"/codec/{PRD}/decode", body, token).status_code == 401
    assert entries() == []


# --- Which namespace --------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["decode", "encode"])
@pytest.mark.parametrize(
    ("path", "header"), [("", ""), (PRD, STG), ("", "two words"), ("%00", ""), ("x" * 256, ""), ("", "\u202e")]
)
def test_one_namespace_has_to_be_named(rosa: Person, operation: str, path: str, header: str) -> None:
    address = f"/codec/{path}/{operation}" if path else f"/codec/{operation}"
    headers = {**FROM_UI, **({"x-namespace": header} if header else {})}
    answer = post(browser_of(rosa), address, body_of(sealed()), headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "no_namespace")


def test_the_same_namespace_twice_is_one(rosa: Person) -> None:
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body_of(sealed()), {**FROM_UI, "x-namespace": PRD})
    assert data_of(answer) == [SECRET]


# --- What is decoded --------------------------------------------------------------------------


def test_what_is_not_encrypted_passes_and_is_not_recorded(rosa: Person) -> None:
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body_of([plain(b'"open"')]), FROM_UI)
    assert data_of(answer) == [b'"open"']
    assert entries() == []


def test_old_keys_still_open_what_they_sealed(rosa: Person) -> None:
    before = sealed()
    rotate(namespace=PRD, by="command line")
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body_of([*before, *sealed(plain(b'"new"'))]), FROM_UI)
    assert data_of(answer) == [SECRET, b'"new"']
    assert len(entries()[0]["keys"]) == 2


def test_what_is_encoded_is_what_a_worker_seals(rosa: Person) -> None:
    answer = post(browser_of(rosa), f"/codec/{PRD}/encode", body_of([plain()]), FROM_UI)
    assert SECRET not in data_of(answer)[0]
    assert answer.json()["payloads"][0]["metadata"]["encoding"] == base64.b64encode(b"binary/encrypted").decode()
    back = post(browser_of(rosa), f"/codec/{PRD}/decode", answer.content, FROM_UI)
    assert data_of(back) == [SECRET]
    (entry,) = entries(EntryKind.PAYLOAD_ENCODED)
    assert (entry["person"], entry["digests"]) == (rosa.external_id, [hashlib.sha256(data_of(answer)[0]).digest()])


def test_nothing_in_is_nothing_out(rosa: Person) -> None:
    assert post(browser_of(rosa), f"/codec/{PRD}/decode", "{}", FROM_UI).json() == {"payloads": []}


# --- The ledger -------------------------------------------------------------------------------


def test_the_ledger_says_who_read_what_of_which_workflow_through_what(rosa: Person) -> None:
    payloads = [*sealed(plain(), plain(b"2"), workflow="incident-P1"), *sealed(workflow="incident-P2")]
    post(browser_of(rosa), f"/codec/{PRD}/decode", body_of(payloads), FROM_UI)
    post(Client(), f"/codec/{PRD}/decode", body_of(sealed(workflow="")), token_of(rosa))
    by_session, by_token = entries()
    assert by_session == {
        "digests": [hashlib.sha256(payload.data).digest() for payload in payloads],
        "keys": [payloads[0].metadata["encryption-key-id"].decode()],
        "namespace": PRD,
        "payloads": 3,
        "person": rosa.external_id,
        "token": "",
        "workflows": ["incident-P1", "incident-P2"],
    }
    assert (by_token["token"], by_token["workflows"]) == ("Laptop", [])
    chain = LedgerChain.objects.get(namespace=PRD)
    assert is_service_chain(chain.name)
    assert SECRET not in b"".join(bytes(entry.envelope) for entry in LedgerEntry.objects.all())


def test_the_workflow_in_the_ledger_is_not_what_a_caller_says(rosa: Person) -> None:
    (payload,) = sealed(workflow="incident-P1")
    payload.metadata["encryption-workflow"] = b"something-harmless"
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body_of([payload]), FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_payload")
    del payload.metadata["encryption-workflow"]
    assert post(browser_of(rosa), f"/codec/{PRD}/decode", body_of([payload]), FROM_UI).status_code == 400


def test_a_request_of_the_longest_workflow_ids_still_fits_into_an_entry(rosa: Person) -> None:
    payloads = [one for number in range(60) for one in sealed(workflow=f"{number:04}".ljust(1000, "x"))]
    assert len(data_of(post(browser_of(rosa), f"/codec/{PRD}/decode", body_of(payloads), FROM_UI))) == 60
    assert len(entries()[0]["workflows"]) == 50


@pytest.mark.parametrize("operation", ["decode", "encode"])
def test_no_entry_no_plaintext(rosa: Person, operation: str) -> None:
    with mock.patch("workers.codec_server.services.append", side_effect=DatabaseError("the disk is full")):
        answer = post(browser_of(rosa), f"/codec/{PRD}/{operation}", body_of(sealed()), FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_recorded")
    assert set(answer.json()) == {"code", "field", "message"}
    assert b"disk" not in answer.content


def test_an_entry_that_is_rolled_back_gives_no_plaintext(rosa: Person) -> None:
    """The answer is made after the commit, not beside it."""
    with mock.patch("audit.ledger.services.entry_appended.send", side_effect=DatabaseError("gone")):
        answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body_of(sealed()), FROM_UI)
    assert answer.status_code == 503
    assert entries() == []


def test_keys_that_do_not_open_are_an_operators_affair(rosa: Person, settings: Any) -> None:
    from audit.rings import queries

    body = body_of(sealed())
    queries._opened.cache_clear()
    settings.KEY_ENCRYPTION_KEY = base64.b64encode(bytes(32)).decode()
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body, FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")


# --- Browsers ---------------------------------------------------------------------------------


def test_the_uis_browser_may_ask_first() -> None:
    asks = {
        "origin": UI,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-namespace",
    }
    answer = Client().options("/codec/decode?preserveStorageRefs=true", headers=asks)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Access-Control-Allow-Origin"] == UI
    assert answer["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert answer["Access-Control-Allow-Headers"] == "content-type, x-namespace, authorization, authorization-extras"
    assert answer["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer["Vary"]


@pytest.mark.parametrize(
    ("ui", "origin"),
    [
        ("https://temporal.example.com/", "https://temporal.example.com"),
        ("https://Temporal.example.com:443/ui", "https://temporal.example.com"),
        ("http://[::1]:8233", "http://[::1]:8233"),
    ],
)
def test_the_uis_address_is_compared_as_browsers_write_it(rosa: Person, settings: Any, ui: str, origin: str) -> None:
    settings.TEMPORAL_UI = ui
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", body_of(sealed()), {**FROM_UI, "origin": origin})
    assert data_of(answer) == [SECRET]
    assert answer["Access-Control-Allow-Origin"] == origin


def test_other_methods_do_not_exist(rosa: Person) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        assert browser_of(rosa).generic(method, f"/codec/{PRD}/decode", headers=FROM_UI).status_code == 405


def test_other_pages_get_no_header_of_it(rosa: Person) -> None:
    answer = browser_of(rosa).get("/approvals/", headers={"origin": UI})
    assert "Access-Control-Allow-Origin" not in answer


def test_every_error_is_one_of_three_fields_as_json(rosa: Person) -> None:
    answer = post(browser_of(rosa), f"/codec/{PRD}/decode", "{", FROM_UI)
    assert set(json.loads(answer.content)) == {"code", "field", "message"}
