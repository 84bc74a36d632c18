"""What Slack sends: believed if it is small, signed, fresh and ours; answered at once; harmless when it is repeated."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from approvals.models import ApprovalRequest, ChannelTrouble, SlackPerson
from approvals.notify.slack import later, views
from approvals.notify.slack.checks import check_slack
from approvals.notify.slack.inbound import MAXIMUM_BYTES
from approvals.requests import services as requests
from tests import slack
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_notifying_slack import set_up
from tests.slack import CHANNEL, FakeSlack, command, event, signed

pytestmark = pytest.mark.django_db
EVENTS, COMMAND, INTERACTIONS = "/hooks/slack/events/", "/hooks/slack/command/", "/hooks/slack/interactions/"
FORM = "application/x-www-form-urlencoded"
# https://docs.slack.dev/robots
SLACKBOT = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
CHALLENGE = json.dumps({"type": "url_verification", "token": "old", "challenge": "3eZbrw1a"}).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[FakeSlack]:
    with slack.serving() as running:
        yield running


@pytest.fixture
def workspace(server: FakeSlack, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeSlack:
    server.reset()
    server.people.update({"ada@mail.example": "U0ADA"})
    set_up(settings, server)
    monkeypatch.setattr(views, "later", lambda work: work())
    return server


@pytest.fixture
def asked(ada: Approver) -> ApprovalRequest:
    return factories.open_request(ada, reasoning="CANARY-reasoning", gate_message="CANARY-message")


def post(path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
    kind = "application/json" if path == EVENTS else FORM
    sent = signed(body) if headers is None else headers
    return Client(enforce_csrf_checks=True).post(path, body, content_type=kind, headers=sent)


def interaction(**team: str) -> bytes:
    return urlencode({"payload": json.dumps({"type": "block_actions", "team": {"id": slack.TEAM, **team}})}).encode()


def link_shared(*urls: str, channel: str = CHANNEL, **changes: Any) -> bytes:
    links = [{"domain": "localhost", "url": url} for url in urls]
    return event("link_shared", **{"channel": channel, "message_ts": "1.2", "links": links, **changes})


def url_of(asked: ApprovalRequest) -> str:
    return f"http://localhost:5050/approvals/{asked.pk}/"


def rows() -> dict[str, list[str]]:
    """Return the whole database: every row of every table, sessions too."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.label: sorted(map(repr, model._default_manager.values_list())) for model in models}


# --- Whom to believe ----------------------------------------------------------------------------


def test_slack_is_answered(workspace: FakeSlack) -> None:
    assert post(EVENTS, CHALLENGE).content == b"3eZbrw1a"
    for path, body in ((INTERACTIONS, interaction()), (COMMAND, command("U0", workspace.response_url))):
        answer = post(path, body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert not answer.cookies


BODIES = [
    (EVENTS, link_shared("x")),
    (COMMAND, command("U0ADA", "https://hooks.slack.com/x")),
    (INTERACTIONS, interaction()),
]


@pytest.mark.parametrize(("path", "body"), BODIES, ids=["event", "command", "interaction"])
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("unsigned", 401, "slack_forged"),
        ("another secret", 401, "slack_forged"),
        ("another body", 401, "slack_forged"),
        ("late", 401, "slack_forged"),
        ("early", 401, "slack_forged"),
        ("another time", 401, "slack_forged"),
        ("nonsense time", 401, "slack_forged"),
        ("nonsense signature", 401, "slack_forged"),
        ("not text", 401, "slack_forged"),
        ("huge", 413, "slack_too_large"),
        ("another workspace", 403, "slack_other_workspace"),
        ("not set up", 404, "slack_not_set_up"),
    ],
)
def test_what_is_forged_late_huge_or_of_others_is_refused_and_does_nothing(
    workspace: FakeSlack, settings: Any, path: str, body: bytes, fault: str, status: int, code: str
) -> None:
    headers = signed(body)
    match fault:
        case "unsigned":
            headers = {}
        case "another secret":
            headers = signed(body, secret="another")
        case "another body":
            body += b" "
        case "late" | "early":
            headers = signed(body, at=time.time() + (-301 if fault == "late" else 302))
        case "another time":
            headers["X-Slack-Request-Timestamp"] = str(int(time.time()) - 5)
        case "nonsense time":
            headers["X-Slack-Request-Timestamp"] = "-１2e9"
        case "nonsense signature":
            headers["X-Slack-Signature"] = "v0=é" + "0" * 62
        case "not text":
            body = b"\xff" + body
        case "huge":
            body += b" " * MAXIMUM_BYTES
            headers = signed(body)
        case "another workspace":
            settings.SLACK_TEAM_ID = "T0OTHER"
        case "not set up":
            settings.SLACK_SIGNING_SECRET = ""
    before = rows()
    answer = post(path, body, headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (workspace.calls, workspace.responses, rows()) == ([], [], before)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (EVENTS, b"{"),
        (EVENTS, b"[" * 50_000),
        (EVENTS, b"[]"),
        (INTERACTIONS, b"payload=%7B"),
        (INTERACTIONS, b""),
        (INTERACTIONS, b"&".join([b"a=1"] * 3000)),
    ],
)
def test_signed_nonsense_is_refused_in_words(workspace: FakeSlack, path: str, body: bytes) -> None:
    answer = post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "slack_malformed")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", FORM])
def test_what_a_body_is_called_changes_nothing(workspace: FakeSlack, asked: ApprovalRequest, kind: str) -> None:
    """The signature covers the bytes, not what they are called."""
    body = link_shared(url_of(asked))
    answer = Client().post(EVENTS, body, content_type=kind, headers=signed(body))
    assert (answer.status_code, len(workspace.unfurls)) == (200, 1)
    form = command("U0ADA", workspace.response_url)
    answer = Client().post(EVENTS, form, content_type=kind, headers=signed(form))
    assert (answer.status_code, answer.json()["code"]) == (400, "slack_malformed")
    answer = Client().post(COMMAND, body, content_type=kind, headers=signed(body))
    assert (answer.status_code, answer.json()["code"]) == (403, "slack_other_workspace")
    assert workspace.responses == []


def test_what_slack_sends_again_is_taken_again_and_writes_nothing(workspace: FakeSlack, asked: ApprovalRequest) -> None:
    body, before = link_shared(url_of(asked)), rows()
    for number in range(4):
        again = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"} if number else {}
        answer = post(EVENTS, body, {**signed(body), **again})
        assert (answer.status_code, answer.content) == (200, b"")
    assert rows() == before
    assert all(unfurl == workspace.unfurls[0] for unfurl in workspace.unfurls), "the same preview of the same message"


def test_a_question_of_slacks_for_the_address_is_answered_to_slack_only(workspace: FakeSlack) -> None:
    for headers in ({}, signed(CHALLENGE, secret="another"), signed(CHALLENGE, at=time.time() - 301)):
        answer = post(EVENTS, CHALLENGE, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "slack_forged")
        assert b"3eZbrw1a" not in answer.content


@pytest.mark.parametrize(
    "body",
    [
        event("link_shared"),
        event("link_shared", channel=5, message_ts=[], links=[{"url": 5}, 5, None]),
        event("link_shared", channel=CHANNEL, message_ts="1.2", links="http://localhost:5050/approvals/"),
        event("tokens_revoked", tokens={"oauth": ["U1"], "bot": []}),
        event("tokens_revoked", tokens=5),
        event("something_new"),
        json.dumps({"type": "event_callback", "team_id": slack.TEAM, "event": []}).encode(),
        json.dumps({"type": 5, "team_id": slack.TEAM}).encode(),
    ],
)
def test_events_of_other_forms_are_taken_and_left(workspace: FakeSlack, body: bytes) -> None:
    before = rows()
    assert post(EVENTS, body).status_code == 200
    assert (workspace.calls, rows()) == ([], before)


def test_only_posts_are_taken_and_no_session_is_looked_at(workspace: FakeSlack, ada: Approver) -> None:
    visitor = Client()
    visitor.force_login(ada.person)
    assert visitor.get(EVENTS).status_code == 405
    assert visitor.post(EVENTS, CHALLENGE, content_type="application/json").status_code == 401


def test_slack_is_answered_before_the_work_is_done(workspace: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(views, "later", done.append)
    workspace.answers["users.info"] = [slack.HANG]
    assert post(COMMAND, command("U0ADA", workspace.response_url)).status_code == 200
    assert (len(done), workspace.calls) == (1, [])


def test_more_than_can_be_answered_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(later._threads, "submit", lambda run, work: taken.append(work))
    for _ in range(later.AT_ONCE + 5):
        later.later(lambda: None)
    assert len(taken) == later.AT_ONCE
    for work in taken:
        later._run(work)


# --- Previews -----------------------------------------------------------------------------------


def test_ten_previews_and_ten_prefetches_write_no_row(
    workspace: FakeSlack, ada: Approver, asked: ApprovalRequest
) -> None:
    before, url = rows(), url_of(asked)
    for _ in range(10):
        assert post(EVENTS, link_shared(url)).status_code == 200
    browser = Client()
    for _ in range(10):
        for headers in (SLACKBOT, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}):
            for fetch in (browser.get, browser.head):
                answer = fetch(f"/approvals/{asked.pk}/", headers=headers)
                assert (answer.status_code, answer.content) == (302, b"")
                page = fetch(answer["Location"], headers=headers)
                assert page.status_code == 200
                for word in (factories.TOOL, *factories.ARGUMENTS.values(), "CANARY", "Ada"):
                    assert word not in page.content.decode()
    assert not browser.cookies.get("countersign_session"), "nobody's session begins"
    assert rows() == before
    assert len(workspace.unfurls) == 10
    browser.force_login(ada.person)
    browser.get("/approvals/")
    before = rows()
    for _ in range(10):
        assert browser.get(f"/approvals/{asked.pk}/", headers={"Sec-Purpose": "prefetch"}).status_code == 200
    assert rows() == before


def test_a_preview_tells_the_requests_own_channel_what_its_message_tells(
    workspace: FakeSlack, asked: ApprovalRequest
) -> None:
    post(EVENTS, link_shared(url_of(asked)))
    (unfurl,) = workspace.unfurls
    shown = "\n".join(slack.texts_of(unfurl["unfurls"][url_of(asked)]))
    assert "`restart_service`" in shown
    assert "`Ada`" in shown
    assert (unfurl["channel"], unfurl["ts"]) == (CHANNEL, "1.2")
    for canary in ("CANARY", factories.ARGUMENTS["service"]):
        assert canary not in workspace.everything()


def test_elsewhere_a_request_and_none_look_the_same(workspace: FakeSlack, asked: ApprovalRequest) -> None:
    unknown = url_of(asked).replace(asked.pk, "req_00000000000000000000000000000000")
    for channel in ("C0RANDOM", "D0ADA", "", "COMPOSER"):
        post(EVENTS, link_shared(url_of(asked), unknown, channel=channel, unfurl_id="u.1", source="composer"))
        made = workspace.unfurls[-1]["unfurls"]
        assert made[url_of(asked)] == made[unknown]
        assert "restart" not in json.dumps(made)


def test_a_preview_of_what_is_over_says_so(workspace: FakeSlack, asked: ApprovalRequest) -> None:
    requests.withdraw(request_id=asked.pk, reason="CANARY-reason")
    post(EVENTS, link_shared(url_of(asked)))
    assert "Withdrawn" in json.dumps(workspace.unfurls)
    assert "CANARY" not in workspace.everything()


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5050.evil.example/approvals/{id}/",
        "http://evil.example/approvals/{id}/",
        "http://localhost:5050@evil.example/approvals/{id}/",
        "http://localhost:5050/approvals/{id}/decision/",
        "http://localhost:5050/approvals/",
        "http://localhost:5050/approvals/../keys/",
        "http://localhost:5050/approvals/{id}%0a/",
    ],
)
def test_only_links_to_requests_of_ours_have_previews(workspace: FakeSlack, asked: ApprovalRequest, url: str) -> None:
    assert post(EVENTS, link_shared(url.format(id=asked.pk))).status_code == 200
    assert workspace.calls == []


# --- The command --------------------------------------------------------------------------------


def ask(workspace: FakeSlack, user: str = "U0ADA") -> dict[str, Any]:
    assert post(COMMAND, command(user, workspace.response_url)).content == b""
    return workspace.responses[-1]


def test_the_command_lists_what_waits_for_whoever_asks(
    workspace: FakeSlack, ada: Approver, asked: ApprovalRequest
) -> None:
    grace = reachable(factories.approver("grace"))
    factories.open_request(grace)
    late = factories.open_request(ada)
    ApprovalRequest.objects.filter(pk=late.pk).update(
        opened_at=timezone.now() - timedelta(hours=2), expires_at=timezone.now() - timedelta(seconds=1)
    )
    answer = ask(workspace)
    links = [block["accessory"]["url"] for block in answer["blocks"] if "accessory" in block]
    assert links == [url_of(asked)]
    assert answer["text"] == "1 waiting for you."
    assert "CANARY" not in workspace.everything()
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert ask(workspace)["text"] == "Nothing waits for you."
    assert [method for method, _ in workspace.calls] == ["users.info"], "who it is is asked once"


def test_the_command_lists_ten_and_counts_the_rest(workspace: FakeSlack, ada: Approver) -> None:
    for _ in range(12):
        factories.open_request(ada)
    answer = ask(workspace)
    assert sum("accessory" in block for block in answer["blocks"]) == 10
    assert "2 more" in json.dumps(answer)


@pytest.mark.parametrize("who", ["unknown", "nobody here", "left", "two people", "somebody else's", "not ours"])
def test_a_stranger_is_told_nothing(
    workspace: FakeSlack, ada: Approver, asked: ApprovalRequest, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = "U0ADA"
    match who:
        case "unknown":
            user = "U0NOBODY"
        case "nobody here":
            workspace.people["eve@mail.example"] = user = "U0EVE"
        case "left":
            SlackPerson.objects.create(person=ada.person, team_id=slack.TEAM, slack_id=user, email=ada.person.email)
            Person.objects.update(is_active=False)
        case "two people":
            factories.person("twin")
            Person.objects.filter(username="twin").update(email="ADA@mail.example")
        case "somebody else's":
            workspace.people = {"ada@mail.example": "U0EVE"}
            user = "U0EVE"
            other = factories.person("eve")
            SlackPerson.objects.create(person=other, team_id=slack.TEAM, slack_id=user, email="eve@mail.example")
        case "not ours":
            found = {"ok": True, "user": slack.account(user, "ada@mail.example", team_id="T0OTHER")}
            monkeypatch.setattr(FakeSlack, "_users_info", lambda self, sent: found)
    answer = ask(workspace, user)
    assert "blocks" not in answer
    assert "restart" not in answer["text"]


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/", "http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/", "", "http://["],
)
def test_an_answer_goes_to_slack_and_nowhere_else(workspace: FakeSlack, ada: Approver, url: str) -> None:
    assert post(COMMAND, command("U0ADA", url)).status_code == 200
    assert (workspace.calls, workspace.responses) == ([], [])


def test_a_command_that_is_replayed_tells_whoever_replays_it_nothing(
    workspace: FakeSlack, asked: ApprovalRequest
) -> None:
    body = command("U0ADA", workspace.response_url)
    headers = signed(body)
    answers = [post(COMMAND, body, headers) for _ in range(2)]
    assert [answer.content for answer in answers] == [b"", b""]
    assert SlackPerson.objects.count() == 1


# --- The app is removed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields"), [("app_uninstalled", {}), ("tokens_revoked", {"tokens": {"oauth": [], "bot": ["U0BOT"]}})]
)
def test_a_removed_app_is_seen_by_operators_until_slack_takes_a_message_again(
    workspace: FakeSlack, kind: str, fields: Any
) -> None:
    for _ in range(2):
        assert post(EVENTS, event(kind, **fields)).status_code == 200
    assert kind in ChannelTrouble.objects.get(channel="slack").answer
    said = StringIO()
    call_command("slack", stdout=said)
    assert f"UTC: Slack refuses this installation: {kind}." in said.getvalue()
    assert "lets us in" in said.getvalue()


def test_the_command_for_operators_says_what_is_wrong(workspace: FakeSlack, settings: Any) -> None:
    workspace.answers["auth.test"] = ["invalid_auth"]
    with pytest.raises(CommandError, match="invalid_auth") as error:
        call_command("slack")
    assert slack.TOKEN not in str(error.value)
    settings.SLACK_TEAM_ID = "T0OTHER"
    with pytest.raises(CommandError, match=slack.TEAM):
        call_command("slack", stdout=StringIO())
    settings.SLACK_BOT_TOKEN = ""
    with pytest.raises(CommandError, match="not set up"):
        call_command("slack")


def ids() -> list[str]:
    return [str(problem.id) for problem in check_slack()]


def test_half_of_slack_stops_every_command(workspace: FakeSlack, settings: Any) -> None:
    assert ids() == []
    settings.SLACK_CHANNELS = {"payments": "#payments"}
    assert ids() == ["approvals.E002"]
    settings.SLACK_CHANNELS, settings.SLACK_TEAM_ID = {}, ""
    (problem,) = check_slack()
    assert "SLACK_TEAM_ID" in problem.msg
    assert slack.TOKEN not in str(problem)
    settings.SLACK_TEAM_ID, settings.SLACK_API_URL = slack.TEAM, "http://slack.example/api/"
    assert ids() == ["approvals.E003"]
    settings.SLACK_BOT_TOKEN = settings.SLACK_SIGNING_SECRET = settings.SLACK_TEAM_ID = ""
    settings.SLACK_API_URL = "https://slack.com/api/"
    assert ids() == ["approvals.E001"]
    settings.SLACK_CHANNEL = ""
    assert ids() == []
