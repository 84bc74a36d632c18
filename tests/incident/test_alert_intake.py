"""Alerts over HTTP: who is believed, and that one incident is one warrant and one workflow."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import tenuo_core
from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.test import AsyncClient
from django.utils import timezone
from pytest_django import Settings
from temporalio.client import Client as TemporalClient
from temporalio.testing import WorkflowEnvironment

from accounts.models import ApproverKey
from accounts.namespaces.contracts import Namespace
from audit.rings.services import ensure_ring
from audit.statements.acting import Acting, acting_of
from audit.statements.terms import terms_of
from tests.incident.keys import approver_key
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.issuers.queries import trusted_roots
from warrants.issuers.services import ensure_issuer
from warrants.models import Warrant
from workers.client import Clients, encrypted, in_namespace, set_shared, with_plugins
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS
from workers.incident.alerts import reading, signatures, views
from workers.incident.alerts.services import AGENT
from workers.models import Incident

pytestmark = [pytest.mark.temporal, pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
EXAMPLES = Path(reading.__file__).parent / "examples"
URL = "/hooks/alerts/"
SECRET = "test-webhook-secret"


def webhook(incident_id: str, **data: object) -> bytes:
    document = json.loads((EXAMPLES / "high-error-rate.json").read_bytes())
    document["event"]["data"] |= {"id": incident_id, **data}
    return json.dumps(document).encode()


async def deliver(body: bytes, *, signature: str | None = None, content_type: str = "application/json") -> HttpResponse:
    headers = {signatures.HEADER: signatures.sign(body, SECRET) if signature is None else signature}
    return await AsyncClient().post(URL, body, content_type=content_type, headers=headers)


def new_incident() -> str:
    return f"P{uuid.uuid4().hex[:10]}"


@pytest_asyncio.fixture(loop_scope="session")
async def approver() -> ApproverKey:
    return await sync_to_async(approver_key)()


@pytest_asyncio.fixture(loop_scope="session")
async def clients(live_temporal: WorkflowEnvironment, db: None) -> AsyncIterator[Clients]:
    """This process, connected to Temporal; no worker runs, so a started workflow stays where it is."""

    def keys() -> tuple[dict[str, bytes], list[bytes]]:
        ensure_issuer()
        ensure_agent(name=AGENT)
        ensure_ring(namespace="default")
        return holder_keys(), trusted_roots()

    holders, roots = await sync_to_async(keys)()
    tenuo_plugin, gate_plugin = build_plugins(
        activities=TOOLS,
        holder_keys=holders,
        trusted_roots=roots,
        receipts=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x07" * 32, worker="w"),
        nonces=InMemoryNonceStore(),
        settings=GateSettings(),
    )
    plain = encrypted(live_temporal.client)
    clients = Clients(plain, with_plugins(plain, [tenuo_plugin, gate_plugin]), tenuo_plugin)
    set_shared(clients)
    yield clients
    set_shared(None)


@pytest.fixture(autouse=True)
def disconnected_afterwards() -> Iterator[None]:
    yield
    set_shared(None)


async def test_an_alert_starts_one_workflow_under_one_warrant(clients: Clients, approver: ApproverKey) -> None:
    incident_id = new_incident()
    response = await deliver(webhook(incident_id))
    assert response.status_code == 202
    assert json.loads(response.content) == {"state": "accepted", "workflow_id": f"incident-{incident_id}"}
    incident = await Incident.objects.aget(incident_id=incident_id)
    assert incident.started_at is not None
    assert incident.warrant_id.startswith("tnu_wrt_")
    history = await clients.plain.get_workflow_handle(f"incident-{incident_id}").fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert "x-tenuo-warrant" in started.header.fields
    assert incident.severity == "high"
    assert incident.service == "payment-service-prod"


async def test_the_same_incident_told_again_changes_nothing(clients: Clients, approver: ApproverKey) -> None:
    incident_id = new_incident()
    first = await deliver(webhook(incident_id))
    again = await deliver(webhook(incident_id, title="Told differently"))
    assert first.content == again.content
    assert await Warrant.objects.acount() == 1
    assert (await Incident.objects.aget()).title == "High error rate on payment-service-prod"


async def test_ten_deliveries_at_once_are_one_workflow_and_one_warrant(clients: Clients, approver: ApproverKey) -> None:
    incident_id = new_incident()
    responses = await asyncio.gather(*(deliver(webhook(incident_id)) for _ in range(10)))
    assert {response.status_code for response in responses} == {202}
    assert len({response.content for response in responses}) == 1
    assert await Warrant.objects.acount() == 1
    assert await Incident.objects.acount() == 1


async def test_nobody_who_can_approve_is_said_before_anything_is_written(clients: Clients) -> None:
    response = await deliver(webhook(new_incident()))
    assert response.status_code == 409
    assert json.loads(response.content)["code"] == "nobody_can_approve"
    assert "/keys/" in json.loads(response.content)["message"]
    assert await Incident.objects.acount() == await Warrant.objects.acount() == 0


async def test_whoever_raised_the_alert_is_not_asked_about_it(
    clients: Clients, approver: ApproverKey, caplog: pytest.LogCaptureFixture
) -> None:
    grace = await sync_to_async(approver_key)("grace")
    incident_id = new_incident()
    details = {"raised_by": "local:ada", "on_behalf_of": "somebody@example.com"}
    assert (await deliver(webhook(incident_id, custom_details=details))).status_code == 202
    told_again = webhook(incident_id, custom_details={"raised_by": "local:grace"})
    assert (await deliver(told_again)).status_code == 202
    row = await Warrant.objects.aget()
    warrant = tenuo_core.Warrant.from_bytes(bytes(row.data))
    assert [bytes(key.to_bytes()) for key in warrant.required_approvers()] == [bytes(grace.public_key)]
    assert terms_of([warrant]).barred_people == ("local:ada", "somebody@example.com")
    assert [record.message for record in caplog.records if "not known here" in record.message] == [
        f"'somebody@example.com', named by the alert of {incident_id}, is not known here."
    ]


async def test_for_whom_the_agent_works_comes_from_the_alert_and_stands_in_the_warrant(
    clients: Clients, approver: ApproverKey
) -> None:
    grace = await sync_to_async(approver_key)("grace")
    details = {"on_behalf_of": "local:ada"}
    assert (await deliver(webhook(new_incident(), custom_details=details))).status_code == 202
    row = await Warrant.objects.aget()
    warrant = tenuo_core.Warrant.from_bytes(bytes(row.data))
    assert acting_of([warrant]) == Acting(AGENT, "local:ada")
    assert [bytes(key.to_bytes()) for key in warrant.required_approvers()] == [bytes(grace.public_key)]
    assert row.policy_name == "incident-response-for-a-person"
    assert {"read_calendar", "open_ticket"} <= set(warrant.tools)


@pytest.mark.parametrize("people", [["local:ada", "local:grace"], "somebody@example.com", []])
async def test_for_several_people_or_a_stranger_the_agent_acts_in_nobodys_name(
    clients: Clients, approver: ApproverKey, people: object
) -> None:
    await sync_to_async(approver_key)("grace")
    await sync_to_async(approver_key)("linus")
    assert (await deliver(webhook(new_incident(), custom_details={"on_behalf_of": people}))).status_code == 202
    row = await Warrant.objects.aget()
    assert acting_of([tenuo_core.Warrant.from_bytes(bytes(row.data))]) is None
    assert row.policy_name == "incident-response"


async def test_an_alert_of_the_only_approver_starts_nothing_and_says_why(
    clients: Clients, approver: ApproverKey
) -> None:
    response = await deliver(webhook(new_incident(), custom_details={"on_behalf_of": ["local:ada"]}))
    assert response.status_code == 422
    assert json.loads(response.content)["code"] == "too_few_people"
    assert await Incident.objects.acount() == await Warrant.objects.acount() == 0


async def test_a_revoked_key_approves_nothing(clients: Clients, approver: ApproverKey) -> None:
    approver.revoked_at = approver.enrolled_at
    await approver.asave(update_fields=["revoked_at"])
    assert (await deliver(webhook(new_incident()))).status_code == 409


async def test_without_temporal_nothing_is_written_and_a_redelivery_completes(
    clients: Clients, approver: ApproverKey
) -> None:
    incident_id = new_incident()
    away = await TemporalClient.connect("127.0.0.1:9", lazy=True)
    set_shared(replace(clients, guarded=away))
    response = await deliver(webhook(incident_id))
    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert json.loads(response.content)["code"] == "temporal_down"
    assert await Incident.objects.acount() == await Warrant.objects.acount() == 0
    set_shared(clients)
    assert (await deliver(webhook(incident_id))).status_code == 202
    assert await Warrant.objects.acount() == 1


async def test_an_incident_starts_where_the_file_says_or_not_at_all(
    clients: Clients, approver: ApproverKey, settings: Settings
) -> None:
    elsewhere = "finance-ai-stg"
    settings.NAMESPACES = (Namespace("default"), Namespace(elsewhere, alerts=("payment-service-prod",)))
    response = await deliver(webhook(new_incident()))
    assert response.status_code == 503
    assert elsewhere in json.loads(response.content)["message"]
    assert await Incident.objects.acount() == await Warrant.objects.acount() == 0
    set_shared(clients, replace(clients, plain=in_namespace(clients.plain, elsewhere)))
    assert (await deliver(webhook(new_incident()))).status_code == 202
    assert (await Warrant.objects.aget()).namespace == elsewhere


async def test_temporal_going_away_in_the_middle_is_completed_under_the_same_warrant(
    clients: Clients, approver: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident_id = new_incident()
    with monkeypatch.context() as patch:
        patch.setattr(type(clients.guarded), "start_workflow", _unreachable)
        assert (await deliver(webhook(incident_id))).status_code == 503
    incident = await Incident.objects.aget()
    assert incident.started_at is None
    assert (await deliver(webhook(incident_id))).status_code == 202
    assert await Warrant.objects.acount() == 1
    assert (await Incident.objects.aget()).started_at is not None


async def test_a_warrant_that_expired_before_its_workflow_started_is_replaced(
    clients: Clients, approver: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident_id = new_incident()
    with monkeypatch.context() as patch:
        patch.setattr(type(clients.guarded), "start_workflow", _unreachable)
        await deliver(webhook(incident_id))
    first = (await Incident.objects.aget()).warrant_id
    late = timezone.now() + timedelta(days=30)
    await Warrant.objects.aupdate(issued_at=late - timedelta(days=61), expires_at=late - timedelta(days=60))
    assert (await deliver(webhook(incident_id))).status_code == 202
    assert (await Incident.objects.aget()).warrant_id != first


async def _unreachable(*args: object, **kwargs: object) -> None:
    raise RuntimeError("Failed client connect")


async def test_a_process_without_temporal_says_so(approver: ApproverKey) -> None:
    response = await deliver(webhook(new_incident()))
    assert response.status_code == 503
    assert "Retry-After" in response


async def test_other_events_are_acknowledged_without_effect(clients: Clients, approver: ApproverKey) -> None:
    body = json.dumps({"event": {"event_type": "pagey.ping", "data": {"message": "Hello"}}}).encode()
    response = await deliver(body)
    assert response.status_code == 202
    assert json.loads(response.content) == {"state": "ignored", "event_type": "pagey.ping"}
    assert await Incident.objects.acount() == 0


BODY = webhook("P1")


@pytest.mark.parametrize(
    ("body", "signature", "content_type", "status", "code"),
    [
        (BODY, "", "application/json", 401, "bad_signature"),
        (BODY, "v1=" + "0" * 64, "application/json", 401, "bad_signature"),
        (BODY, signatures.sign(BODY, "another secret"), "application/json", 401, "bad_signature"),
        (BODY + b" ", signatures.sign(BODY, SECRET), "application/json", 401, "bad_signature"),
        (BODY.replace(b"P1", b"P2"), signatures.sign(BODY, SECRET), "application/json", 401, "bad_signature"),
        (BODY, None, "text/plain", 415, "not_json"),
        (BODY, None, "application/x-www-form-urlencoded", 415, "not_json"),
        (b" " * (views.MAXIMUM_BYTES + 1), None, "application/json", 413, "too_large"),
        (b"{", None, "application/json", 400, "malformed"),
        (b"[" * 100_000, None, "application/json", 400, "malformed"),
        (webhook("P1", title=5), None, "application/json", 400, "malformed"),
        (webhook("../P1"), None, "application/json", 400, "malformed"),
    ],
)
async def test_a_bad_webhook_is_a_typed_error_and_starts_nothing(
    clients: Clients,
    approver: ApproverKey,
    body: bytes,
    signature: str | None,
    content_type: str,
    status: int,
    code: str,
) -> None:
    response = await deliver(body, signature=signature, content_type=content_type)
    assert response.status_code == status
    told = json.loads(response.content)
    assert told["code"] == code
    assert set(told) == {"code", "field", "message"}
    assert await Incident.objects.acount() == await Warrant.objects.acount() == 0


async def test_a_wrong_field_is_named_over_http(clients: Clients) -> None:
    told = json.loads((await deliver(webhook("P1", title=5))).content)
    assert told["field"] == "event.data.title"


async def test_opening_the_address_does_nothing() -> None:
    assert (await AsyncClient().get(URL)).status_code == 405


async def test_without_a_secret_no_alert_is_taken(settings: Settings) -> None:
    settings.ALERT_WEBHOOK_SECRETS = []
    response = await deliver(BODY)
    assert (response.status_code, json.loads(response.content)["code"]) == (503, "no_webhook_secret")
