"""Who sees which prompt led to a call, and what the ledger says of that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from temporalio.service import RPCError, RPCStatusCode

from accounts.roles.contracts import Role
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.queries import details_of
from audit.models import LedgerChain, LedgerEntry
from audit.rings.services import ensure_ring
from tests.audit.evidence import Evidence, approved_story, denied_story
from tests.audit.test_export import on_file
from tests.people import hold, person
from tests.timeline.runs import NAMESPACE, RUN, SECRET, approved_run, payloads
from workers.client import NoSharedClients
from workers.timeline import reading
from workers.timeline.contracts import RunAddress

pytestmark = pytest.mark.django_db

WORKFLOW = "incident-P1042"


class Handle:
    def __init__(self, events: list[Any], error: Exception | None) -> None:
        self._events, self._error = events, error

    async def fetch_history_events(self, **_: Any) -> Any:
        for event in self._events:
            yield event
        if self._error is not None:
            raise self._error


class Temporal:
    """Stands in for the connection: the one run's events, or why there are none."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.error: Exception | None = None
        self.asked: list[tuple[str, str, str]] = []
        self.away = False

    @property
    def plain(self) -> Temporal:
        return self

    def get_workflow_handle(self, workflow_id: str, *, run_id: str) -> Handle:
        self.asked.append((self.namespace, workflow_id, run_id))
        return Handle(self.events, self.error)

    def shared(self) -> Temporal:
        if self.away:
            raise NoSharedClients
        return self

    def in_namespace(self, client: Temporal, namespace: str) -> Temporal:
        self.namespace = namespace
        return client


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> Temporal:
    temporal = Temporal()
    ensure_ring(namespace=NAMESPACE)
    temporal.events = approved_run()
    monkeypatch.setattr(reading, "shared", temporal.shared)
    monkeypatch.setattr(reading, "in_namespace", temporal.in_namespace)
    return temporal


def filed(story_of: Any) -> Evidence:
    keys = {purpose: private_key_of(ensure_service_key(purpose=purpose)) for purpose in ("ledger", "receipts")}
    story = on_file(story_of(**keys))
    LedgerChain.objects.filter(name=story.chain).update(namespace=NAMESPACE)
    return story


@pytest.fixture
def story(temporal: Temporal) -> Evidence:
    return filed(approved_story)


def browser_of(username: str, *roles: Role, namespace: str = NAMESPACE) -> Client:
    client = Client()
    client.force_login(person(username, *roles, namespace=namespace))
    return client


def page_of(story: Evidence) -> str:
    return reverse("timeline:page", args=[story.chain])


def items(html: str) -> dict[str, str]:
    """Return the timeline's items by their ids, as text, in order."""
    found = re.findall(r'<li class="tree-item"[^>]*id="([^"]+)">(.*?)</li>', html, re.DOTALL)
    return {name: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", content)).strip() for name, content in found}


def decoded() -> list[dict[str, Any]]:
    chain = namespace_chain(Subject.PAYLOADS, NAMESPACE)
    return [details_of(entry) for entry in LedgerEntry.objects.filter(chain=chain)]


def test_every_call_names_the_answer_that_asked_for_it(story: Evidence, temporal: Temporal) -> None:
    answer = browser_of("victor", Role.VIEWER).get(page_of(story))
    assert answer.status_code == 200
    found = items(answer.content.decode())
    assert list(found)[:9] == [
        "entry-1", "model-1", "entry-2", "model-2", "entry-3", "model-3", "entry-4", "entry-7", "model-4",
    ]  # fmt: skip
    for entry, number in (
        ("entry-2", 1),
        ("entry-3", 2),
        ("entry-4", 3),
        ("entry-5", 3),
        ("entry-6", 3),
        ("entry-7", 3),
    ):
        assert f"Asked for by model call {number}" in found[entry], entry
    assert "Led to read_logs ALLOWED" in found["model-1"]
    assert "Led to restart_service GATE, restart_service ALLOWED" in found["model-3"]
    assert "at attempt 2" in found["model-1"]
    assert "MODEL_BUSY" in found["model-1"]
    assert temporal.asked == [(NAMESPACE, WORKFLOW, RUN)]


def test_a_call_without_a_receipt_is_shown_as_that(story: Evidence) -> None:
    found = items(browser_of("victor", Role.VIEWER).get(page_of(story)).content.decode())
    (loose,) = (text for name, text in found.items() if name.startswith("event-"))
    assert loose.startswith("post_status without a receipt not ended")
    assert "Asked for by model call 4" in loose
    assert "countersign.open_request" not in str(found)


def test_names_and_times_hold_nothing_that_was_said(story: Evidence) -> None:
    html = browser_of("paula", Role.VIEWER, Role.PAYLOAD_READER).get(page_of(story)).content.decode()
    assert "Show prompts and answers" in html
    for text in (SECRET, "ignore what you were told", "Handled.", "It is down."):
        assert text not in html
    assert decoded() == []


def test_a_payload_reader_opens_them_and_the_ledger_says_so(story: Evidence) -> None:
    answer = browser_of("paula", Role.PAYLOAD_READER).post(page_of(story))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    found = items(answer.content.decode())
    assert "Handle this incident." in found["model-1"]
    assert SECRET in found["model-1"]
    assert f"busy with {SECRET}" in found["model-1"]
    assert "Model claude-sonnet, answered by claude-sonnet-20250514" in found["model-1"]
    assert "You work under a warrant." in found["model-1"]
    assert "It asked for read_logs" in found["model-1"]
    assert "It was told 1 message before" in found["model-2"]
    assert f"read_logs says {SECRET}" in found["model-2"]
    assert f"log: {SECRET}" in found["entry-2"]
    assert "restarted" in found["entry-7"]
    (entry,) = decoded()
    assert (entry["person"], entry["namespace"], entry["token"]) == ("local:paula", NAMESPACE, "")
    assert entry["workflows"] == ["incident-P1"]
    assert entry["payloads"] == len(entry["digests"]) > 15


def test_a_models_words_stay_words(story: Evidence) -> None:
    html = browser_of("paula", Role.PAYLOAD_READER).post(page_of(story)).content.decode()
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_an_answer_that_asked_for_something_else_is_pointed_at(story: Evidence, temporal: Temporal) -> None:
    lied = next(event for event in temporal.events if event.HasField("activity_task_completed_event_attributes"))
    lied.activity_task_completed_event_attributes.result.CopyFrom(
        payloads({"text": "x", "tool": "modify_iam", "arguments_json": "{}"})
    )
    found = items(browser_of("paula", Role.PAYLOAD_READER).post(page_of(story)).content.decode())
    assert "not what this answer asks for" in found["model-1"]
    assert "not what this answer asks for" not in found["model-2"]


@pytest.mark.parametrize(
    ("roles", "namespace"),
    [
        ([Role.VIEWER], NAMESPACE),
        ([Role.APPROVER, Role.AUDITOR, Role.SECURITY_ADMINISTRATOR], NAMESPACE),
        ([Role.PAYLOAD_READER], "finance-ai-stg"),
    ],
)
def test_nobody_else_opens_them(story: Evidence, roles: list[Role], namespace: str) -> None:
    client = browser_of("eve", *roles, namespace=namespace)
    assert "Show prompts and answers" not in client.get(page_of(story)).content.decode()
    assert client.post(page_of(story)).status_code == 404
    assert decoded() == []


def test_reading_payloads_elsewhere_does_not_open_these(story: Evidence) -> None:
    client, viewer = Client(), person("vera", Role.VIEWER, namespace=NAMESPACE)
    client.force_login(viewer)
    hold(viewer, Role.PAYLOAD_READER, namespace="finance-ai-stg")
    assert "Show prompts and answers" not in client.get(page_of(story)).content.decode()
    assert client.post(page_of(story)).status_code == 404


def test_strangers_learn_of_nothing(story: Evidence) -> None:
    page = page_of(story)
    assert Client().get(page).status_code == 302
    assert browser_of("olga").get(page).status_code == 404
    assert browser_of("stan", Role.VIEWER, namespace="finance-ai-stg").get(page).status_code == 404
    assert (
        browser_of("vera", Role.VIEWER).get(page_of(story).replace(story.chain, "tnu_wrt_" + "0" * 32)).status_code
        == 404
    )
    for method in ("put", "delete"):
        assert getattr(browser_of(f"vera-{method}", Role.VIEWER), method)(page).status_code == 405


def test_opening_needs_the_forms_own_token(story: Evidence) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("paula", Role.PAYLOAD_READER, namespace=NAMESPACE))
    assert client.post(page_of(story)).status_code == 403
    assert decoded() == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RPCError("gone", RPCStatusCode.NOT_FOUND, b""), "no longer has the history of workflow incident-P1042"),
        (RPCError("down", RPCStatusCode.UNAVAILABLE, b""), "Temporal does not answer"),
        (TimeoutError(), "Temporal does not answer"),
    ],
)
def test_without_a_history_the_receipts_are_shown_alone(
    story: Evidence, temporal: Temporal, error: Exception, sentence: str
) -> None:
    temporal.events, temporal.error = [], error
    client = browser_of("paula", Role.PAYLOAD_READER)
    for answer in (client.get(page_of(story)), client.post(page_of(story))):
        assert answer.status_code == 200
        html = answer.content.decode()
        assert sentence in html
        assert "Show prompts and answers" not in html
        assert list(items(html)) == [f"entry-{number}" for number in range(1, 10)]
    assert decoded() == []


def test_a_process_without_a_connection_says_so(story: Evidence, temporal: Temporal) -> None:
    temporal.away = True
    answer = browser_of("victor", Role.VIEWER).get(page_of(story))
    assert "Temporal does not answer" in answer.content.decode()


def test_what_cannot_be_recorded_is_not_opened(story: Evidence) -> None:
    with mock.patch("workers.codec_server.services.append", side_effect=DatabaseError):
        answer = browser_of("paula", Role.PAYLOAD_READER).post(page_of(story))
    assert answer.status_code == 503
    html = answer.content.decode()
    assert "Nothing was opened" in html
    assert SECRET not in html


def test_another_namespaces_payload_in_the_history_is_not_opened(story: Evidence, temporal: Temporal) -> None:
    ensure_ring(namespace="finance-ai-stg")
    foreign = payloads({"text": SECRET}, namespace="finance-ai-stg")
    completed = [event for event in temporal.events if event.HasField("activity_task_completed_event_attributes")]
    completed[0].activity_task_completed_event_attributes.result.CopyFrom(foreign)
    answer = browser_of("paula", Role.PAYLOAD_READER).post(page_of(story))
    assert answer.status_code == 400
    assert SECRET not in answer.content.decode()


def test_other_agents_messages_are_shown_as_they_are(story: Evidence, temporal: Temporal) -> None:
    for event in temporal.events:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == "call_model":
            scheduled.input.CopyFrom(payloads({"messages": [{"role": "user", "content": "Tidy up."}]}, [1, None]))
        completed = event.activity_task_completed_event_attributes
        if event.HasField("activity_task_completed_event_attributes"):
            completed.result.CopyFrom(payloads({"choices": ["Done."]}, b"\xff\x00"))
    answer = browser_of("paula", Role.PAYLOAD_READER).post(page_of(story))
    assert answer.status_code == 200
    assert "Tidy up." in items(answer.content.decode())["model-1"]


def test_only_what_fits_an_entry_is_opened_at_once(story: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.timeline.opening.MAXIMUM_PAYLOADS", 6)
    html = browser_of("paula", Role.PAYLOAD_READER).post(page_of(story)).content.decode()
    assert "longer than is opened at once" in html
    assert "Handled." not in html
    assert decoded()[0]["payloads"] <= 6


def test_a_persons_reason_is_for_those_who_may_see_content(temporal: Temporal) -> None:
    story = filed(denied_story)
    for role, sees in ((Role.VIEWER, False), (Role.AUDITOR, True)):
        html = browser_of(f"someone-{role}", role).get(page_of(story)).content.decode()
        assert ("Reason" in html) is sees


def test_the_incidents_page_leads_here(story: Evidence) -> None:
    html = browser_of("victor", Role.VIEWER).get(reverse("audit:incident", args=[story.chain])).content.decode()
    assert page_of(story) in html


def test_the_runs_come_from_the_ledger(story: Evidence, temporal: Temporal) -> None:
    browser_of("victor", Role.VIEWER).get(page_of(story))
    assert [RunAddress(*address[1:]) for address in temporal.asked] == [RunAddress(WORKFLOW, RUN)]
