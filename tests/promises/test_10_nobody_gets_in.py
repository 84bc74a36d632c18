"""Promise 10: nobody gets in where they don't belong.

``access_table`` says who gets what answer from every address; an address that it does not know fails here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Person, PersonSession, RoleGrant
from accounts.roles.contracts import Role
from accounts.sessions import services as sessions
from approvals.live.routing import websocket_urlpatterns
from approvals.models import Decision
from audit.models import LedgerEntry
from tests import people, webhook_receiver
from tests.approvals import factories
from tests.approvals.test_live import Socket
from tests.promises.access_table import COLUMNS, TABLE, WEBSOCKETS, rows
from tests.promises.visitors import NAMESPACE, World, answer_of, make_world, routes, session_cookie

TABLE_ROWS = rows(TABLE)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
FORMS = sorted(route for method, route in TABLE_ROWS if method == "POST")
# Signed by whoever sends it, or a program's first knock: no session counts there.
SLACK = {"hooks/slack/events/", "hooks/slack/command/", "hooks/slack/interactions/"}
SIGNED = {"hooks/alerts/", *SLACK, "devices/", "devices/token/"}
# Without Temporal's UI as their Origin, sessions count nowhere here: tests/codec_server/test_attacks.py
FROM_UI_ALONE = {route for route in FORMS if route.startswith("codec/")}


@pytest.fixture
def world(db: None, settings: Any) -> World:
    made = make_world()
    # Nobody listens there, which whoever may send a test is told.
    receiver = webhook_receiver.entry("http://127.0.0.1:9/", name=made.examples["receiver"], namespaces=[NAMESPACE])
    settings.WEBHOOKS = json.dumps([receiver])
    return made


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def ask(client: Client, method: str, path: str, body: dict[str, str] | None = None, **headers: Any) -> Any:
    return client.post(path, body or {}, **headers) if method == "POST" else client.generic(method, path, **headers)


# --- Everybody at every address -------------------------------------------------------------


def test_every_address_is_in_the_table_and_nothing_else_is() -> None:
    assert {route for _, route in TABLE_ROWS} == set(routes())
    assert {route for _, route in rows(WEBSOCKETS)} == {str(socket.pattern) for socket in websocket_urlpatterns}


@pytest.mark.parametrize(("method", "route"), TABLE_ROWS, ids=lambda part: part)
def test_an_address_answers_everybody_as_the_table_says(world: World, method: str, route: str) -> None:
    answers = {}
    for who in COLUMNS:
        cache.clear()
        with transaction.atomic():
            answers[who] = answer_of(ask(world.visitor(who), method, world.path(route), world.body(route)))
            transaction.set_rollback(True)
    assert answers == TABLE_ROWS[method, route]


@pytest.mark.parametrize("route", routes())
def test_a_method_that_is_not_in_the_table_does_not_exist(world: World, route: str) -> None:
    for who in ("anon", "appr", "admin"):
        client = world.visitor(who)
        for method in METHODS:
            if (method, route) not in TABLE_ROWS:
                assert ask(client, method, world.path(route)).status_code == 405, (who, method)


@pytest.mark.parametrize("route", sorted(route for method, route in TABLE_ROWS if method == "GET"))
def test_opening_an_address_writes_nothing(world: World, route: str) -> None:
    for who in ("appr", "admin"):
        client = world.visitor(who)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(world.path(route))
        statements = [query["sql"].lstrip() for query in asked]
        assert not [sql for sql in statements if sql.upper().startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", [route for _, route in rows(WEBSOCKETS)])
async def test_a_websocket_answers_everybody_as_the_table_says(route: str) -> None:
    world = await database_sync_to_async(make_world)()
    answers = {}
    for who in COLUMNS:
        client = await database_sync_to_async(world.visitor)(who)
        answers[who] = await knock(session_cookie(client))
    assert answers == rows(WEBSOCKETS)["WS", route]


async def knock(cookie: str, origin: str = "http://localhost:5050") -> str:
    socket = Socket([(b"origin", origin.encode()), (b"cookie", cookie.encode())])
    answer = await socket.connect()
    if answer["type"] == "websocket.close":
        return "refused"
    first = await socket.receive()
    if first["type"] == "websocket.close":
        return str(first["code"])
    await socket.disconnect()
    return "open"


# --- What is not yours looks like what is not there -----------------------------------------


@pytest.mark.parametrize("path", ["/approvals/{}/", "/approvals/{}/card/", "/approvals/{}/progress/"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_request_of_another_namespace_looks_like_none(world: World, path: str, accept: str) -> None:
    client = world.visitor("else")
    answers = [client.get(path.format(name), headers={"accept": accept}) for name in (world.waiting.pk, "req_0000000")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert shown(answers[0]) == shown(answers[1])


@pytest.mark.parametrize("page", ["", "tree/", "evidence/"])
def test_an_incident_of_another_namespace_looks_like_none(world: World, page: str) -> None:
    client = world.visitor("else")
    ask = client.post if page == "evidence/" else client.get
    answers = [ask(f"/incidents/{chain}/{page}") for chain in (world.waiting.chain, "tnu_wrt_" + "0" * 32)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert shown(answers[0]) == shown(answers[1])


def test_deciding_a_request_of_another_namespace_answers_as_if_there_were_none(world: World) -> None:
    client = world.visitor("else")
    answers = [
        client.post(f"/approvals/{name}/decision/", world.body("/decision/"), headers={"accept": "application/json"})
        for name in (world.waiting.pk, "req_0000000")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


def test_the_lists_of_another_namespace_do_not_count_or_find_it(world: World) -> None:
    client = world.visitor("else")
    for query in ("", "?show=all", "?show=all&q=restart", f"?show=all&q={world.waiting.pk}"):
        answer = client.get(f"/approvals/list/{query}")
        assert (answer.context["total"], answer.context["waiting"], answer.context["cards"]) == (0, 0, [])
    assert world.waiting.chain not in client.get("/incidents/").content.decode()


def shown(answer: Any) -> str:
    """Return what a page says, without what differs from answer to answer."""
    return re.sub(r'nonce="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())


# --- An approver elsewhere is no approver here ----------------------------------------------


def test_a_named_approver_who_lost_the_role_here_signs_nothing_here(world: World) -> None:
    RoleGrant.objects.filter(person=world.ada.person).update(namespace="billing")
    people.hold(world.ada.person, Role.VIEWER, namespace="payments")
    client = world.visitor("appr")
    assert client.get(f"/approvals/{world.waiting.pk}/").context["page"].may_decide is False
    path = f"/approvals/{world.waiting.pk}/decision/"
    answer = client.post(path, world.body("/decision/"), headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_an_approver")
    assert not Decision.objects.exists()


# --- Forged and cross-site requests ---------------------------------------------------------


@pytest.mark.parametrize("route", [route for route in FORMS if route not in SIGNED | FROM_UI_ALONE])
def test_a_form_without_a_token_of_this_browser_does_nothing(world: World, route: str) -> None:
    for who in ("anon", "appr", "admin"):
        client, other = Client(enforce_csrf_checks=True), Client()
        client.cookies = world.visitor(who).cookies
        other.get("/accounts/login/")
        stolen = other.cookies["countersign_csrf"].value
        before = LedgerEntry.objects.count()
        assert ask(client, "POST", world.path(route), world.body(route)).status_code == 403
        client.get("/accounts/login/" if who == "anon" else "/sessions/")
        client.get("/accounts/logout/")
        with_foreign = {**world.body(route), "csrfmiddlewaretoken": stolen}
        assert ask(client, "POST", world.path(route), with_foreign).status_code == 403
        assert LedgerEntry.objects.count() == before


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:5051", "https://localhost:5050"])
def test_a_form_from_another_site_does_nothing_even_with_the_right_token(world: World, origin: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = world.visitor("appr").cookies
    client.get("/accounts/logout/")
    body = {**world.body("/decision/"), "csrfmiddlewaretoken": client.cookies["countersign_csrf"].value}
    path = f"/approvals/{world.waiting.pk}/decision/"
    assert client.post(path, body, headers={"origin": origin}).status_code == 403
    assert not Decision.objects.exists()
    own = {"origin": "http://localhost:5050", "host": "localhost:5050"}
    assert client.post(path, body, headers=own).status_code == 302


@pytest.mark.parametrize("cookie", ["", "x" * 32, "../../etc/passwd", "0" * 5000, "é", "{key}X", "{key} ", "{KEY}"])
def test_a_session_cookie_that_was_tampered_with_is_nobodys(world: World, cookie: str) -> None:
    # Session keys have lower-case letters and digits alone.
    key = world.visitor("admin").session.session_key
    client = Client()
    client.cookies["countersign_session"] = cookie.replace("{key}", key[:-1]).replace("{KEY}", key.swapcase())
    assert answer_of(client.get("/people/")) == "in"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost:5051", "https://localhost:5050"]
)
async def test_another_site_opens_no_websocket_with_a_persons_cookie(origin: str) -> None:
    client = await database_sync_to_async(lambda: make_world().visitor("admin"))()
    assert await knock(session_cookie(client), origin) == "refused"


@pytest.mark.django_db(transaction=True)
async def test_a_tampered_cookie_opens_no_websocket() -> None:
    client = await database_sync_to_async(lambda: make_world().visitor("admin"))()
    assert await knock(session_cookie(client)[:-1]) == "4401"


# --- Replays --------------------------------------------------------------------------------


def test_another_approver_cannot_send_what_somebody_else_signed(world: World) -> None:
    grace = factories.approver("grace", namespace="payments")
    client = Client()
    client.force_login(grace.person)
    path = f"/approvals/{world.waiting.pk}/decision/"
    answer = client.post(path, world.body("/decision/"), headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unusable_key")
    assert not Decision.objects.exists()


def test_a_decision_sent_twice_is_one_decision(world: World) -> None:
    client, body = world.visitor("appr"), world.body("/decision/")
    for _ in range(2):
        assert client.post(f"/approvals/{world.waiting.pk}/decision/", body).status_code == 302
    assert Decision.objects.count() == 1


def test_a_sign_in_link_signs_in_once(world: World) -> None:
    path = world.path("sign-in/<str:token>/")
    assert [Client().post(path).status_code for _ in range(2)] == [302, 404]


# --- Sessions that are over -----------------------------------------------------------------


def test_the_session_of_a_disabled_person_stays_over_when_they_are_enabled_again(world: World) -> None:
    client, other = world.visitor("admin"), world.visitor("view")
    path = "/people/<int:person_id>/{}/"
    assert client.post(world.path(path.format("disabling"))).status_code == 302
    assert answer_of(other.get("/approvals/")) == "in"
    assert client.post(world.path(path.format("enabling"))).status_code == 302
    assert answer_of(other.get("/approvals/")) == "in"


def test_a_page_under_way_does_not_bring_an_ended_session_back(world: World) -> None:
    client = world.visitor("view")
    session = client.session
    session["something"] = "a page is changing it"
    sessions.end_all(person=world.vera)
    with pytest.raises(UpdateError):
        session.save()
    assert answer_of(client.get("/approvals/")) == "in"
    assert not PersonSession.objects.filter(person=world.vera).exists()


def test_the_sign_in_link_of_a_disabled_person_is_gone_for_good(world: World) -> None:
    client = world.visitor("admin")
    client.post(world.path("people/<int:person_id>/disabling/"))
    client.post(world.path("people/<int:person_id>/enabling/"))
    assert Person.objects.get(pk=world.vera.pk).is_active
    assert Client().post(world.path("sign-in/<str:token>/")).status_code == 404
