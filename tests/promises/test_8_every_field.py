"""Promise 8, at every edge: whatever stands in a field that an agent or a client controls, it is a typed error that
names the field, or data; nothing is half written, and no answer is a 500.

The values come as they would come: activities' arguments and signals through Temporal's own JSON, forms and webhooks
over HTTP. What is then shown of data is tried in ``test_8_agent_content_is_data.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import cbor2
import pytest
from channels.db import database_sync_to_async
from django.core.cache import cache
from django.db import transaction
from django.test import AsyncClient
from django.urls import reverse
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from accounts.models import ApproverKey
from approvals.contracts import CallRecord, GateRequest, Outcome, ReceiptRecord, RunReport
from approvals.live import bus
from approvals.models import ApprovalRequest, ClosedRun, Decision, Delivery, Looking, RequiredApprover
from audit.models import Attachment, LedgerEntry, RecordedReceipt
from audit.statements.quorum import Quorum
from tests.approvals import factories
from tests.approvals.factories import Approver, base64_text
from tests.approvals.test_live import _open_socket
from tests.incident.test_alert_intake import SECRET, webhook
from tests.promises.access_table import TABLE, rows
from tests.promises.test_8_agent_content_is_data import PAYLOADS as TEXTS
from tests.promises.visitors import World, make_world
from tests.workers import records
from warrants.models import Warrant
from workers import activities
from workers.gates.verdicts import Gate, read_decision
from workers.incident.alerts import signatures
from workers.models import Incident

# Activities, and sockets, have their own connections to the database.
own_connections = pytest.mark.django_db(transaction=True)


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


SHAPES: dict[str, Any] = {
    "nothing": None,
    "true": True,
    "a number": 7,
    "a fraction": 1.5,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "beyond 64 bits": 2**70,
    "below 64 bits": -(2**70),
    "an empty text": "",
    "a list": ["x", 1],
    "a map": {"version": 99},
    # Python's own JSON writes no deeper one; deeper CBOR is below.
    "deeply nested": _deep(900),
}
ENCODED = {
    name: base64_text(data)
    for name, data in {
        "duplicate keys": b"\xa2\x61a\x01\x61a\x02",
        "unsorted keys": b"\xa2\x61b\x01\x61a\x02",
        "long integer": b"\xa1\x61a\x18\x01",
        "indefinite length": b"\xbf\x61a\x01\xff",
        "cbor NaN": b"\xa1\x61a\xf9\x7e\x00",
        "cbor beyond 64 bits": b"\xa1\x61a\x1b" + b"\xff" * 8,
        "a thousand levels of cbor": b"\xa1\x61x" + b"\x81" * 1000 + b"\x01",
        "another version": cbor2.dumps({"version": 99, "approval_version": 99}),  # and so not sorted
        "ten megabytes of cbor": cbor2.dumps({"a": "x" * 10_000_000}),
        "nothing encoded": b"",
    }.items()
} | {"truncated base64": "oWFhAQ=", "no base64": "%%%%", "other base64": "oWFh-_8="}
VALUES = {**SHAPES, **TEXTS, "truncated base64": ENCODED["truncated base64"]}


@dataclass(frozen=True)
class Refused:
    """A typed error and the fields that it names."""

    code: str
    fields: str


def written() -> list[int]:
    """Return how many rows each table has that any of these could write."""
    models = (
        ApprovalRequest, RequiredApprover, Decision, Delivery, ClosedRun, Looking, LedgerEntry, Attachment,
        RecordedReceipt, ApproverKey, Incident, Warrant,
    )  # fmt: skip
    return [model.objects.count() for model in models]


# --- What workflows tell: activities --------------------------------------------------------------


LINE = CallRecord(tool="read_logs", verdict="denied", at_ms=1, code="revoked", detail="No.", arguments_cbor="oA==")


def _gate_request(ada: Approver) -> GateRequest:
    return factories.gate_request(factories.mint(ada), history=[LINE])


def _outcome(ada: Approver) -> Outcome:
    return Outcome(factories.open_request(ada).pk, "executed", 1_790_000_000_000, "", "", '"done"')


def _run(ada: Approver) -> RunReport:
    opened = factories.open_request(ada)
    return RunReport(
        opened.chain, opened.namespace, opened.workflow_id, opened.run_id, "completed", 1_790_000_000_000, ""
    )


def _receipt(ada: Approver) -> ReceiptRecord:
    records.mint()
    return records.record(1)


ACTIVITIES: dict[str, tuple[Callable[..., None], Callable[[Approver], Any]]] = {
    "open_request": (activities.open_request, _gate_request),
    "report_outcome": (activities.report_outcome, _outcome),
    "report_run": (activities.report_run, _run),
    "record_receipts": (activities.record_receipts, _receipt),
}
KINDS = {
    "open_request": GateRequest, "report_outcome": Outcome, "report_run": RunReport, "record_receipts": ReceiptRecord,
}  # fmt: skip


def _told(name: str, fields: dict[str, Any]) -> tuple[Any, Refused | None]:
    """Call an activity as Temporal would; return what it got, and why that was refused, for good."""
    function, kind = ACTIVITIES[name][0], KINDS[name]
    is_list = name == "record_receipts"
    sent = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps([fields] if is_list else fields).encode())
    try:
        [got] = DataConverter.default.payload_converter.from_payloads([sent], [list[kind] if is_list else kind])
    except Exception as error:
        # Temporal's own refusal: our code is not even called.
        return None, Refused("argument", f"{error} {error.__cause__}")
    message = got[0] if is_list else got
    try:
        ActivityEnvironment().run(function, got)
    except ApplicationError as error:
        assert error.non_retryable, error  # noqa: PT017
        return message, Refused(error.type or "", " ".join(map(str, [*error.details, error.message])))
    return message, None


@own_connections
@pytest.mark.parametrize("name", KINDS)
def test_an_activity_takes_data_or_refuses_it_by_name(ada: Approver, name: str) -> None:
    good = asdict(ACTIVITIES[name][1](ada))
    for field in KINDS[name].__dataclass_fields__:
        wanted = type(good[field])
        for label, value in VALUES.items():
            before = written()
            if wanted is list and isinstance(value, str):
                value = value[:10_000]  # Temporal looks at every letter, to see whether it is a list's item
            got, refused = _told(name, {**good, field: value})
            if refused is None:
                assert type(getattr(got, field)) is wanted, f"{field} took {label}"
                if name != "record_receipts":
                    good = asdict(ACTIVITIES[name][1](ada))  # this one is used up
                continue
            assert written() == before, f"{field}, {label}: something was written"
            assert refused.code, f"{field}, {label}"
            # What it is not, it is by its own name; what is of the right kind may be wrong only beside another field.
            if type(value) is not wanted and (got is None or type(getattr(got, field)) is not wanted):
                assert field in refused.fields, f"{field}, {label}: {refused}"


@own_connections
def test_a_line_of_the_history_is_data_or_refused(ada: Approver) -> None:
    minted = factories.mint(ada)
    for field in CallRecord.__dataclass_fields__:
        for label, value in VALUES.items():
            before = written()
            opened = asdict(factories.gate_request(minted, history=[LINE]))
            got, refused = _told("open_request", {**opened, "history": [{**asdict(LINE), field: value}]})
            if refused is None:
                assert type(getattr(got.history[0], field)) is type(getattr(LINE, field)), f"{field} took {label}"
            else:
                assert written() == before
                assert "history" in refused.fields or field in refused.fields, f"{label}: {refused}"


@own_connections
@pytest.mark.parametrize("field", ["arguments_cbor", "request_hash", "warrant_chain"])
def test_what_must_be_bytes_is_refused_by_its_own_name(ada: Approver, field: str) -> None:
    minted = factories.mint(ada)
    for label, text in {**ENCODED, **TEXTS}.items():
        good, before = asdict(factories.gate_request(minted)), written()
        _, refused = _told("open_request", {**good, field: [text] if field == "warrant_chain" else text})
        assert refused is not None
        assert refused.fields.split()[0] == field, label
        assert written() == before


# --- What anybody may signal to a workflow --------------------------------------------------------


def _gate(ada: Approver) -> Gate:
    waiting = factories.open_request(ada)
    return Gate(
        binding=factories.binding(waiting),
        request_hash=bytes(waiting.request_hash),
        quorum=Quorum(frozenset({ada.public_key}), 1),
        signature_lifetime_seconds=900,
    )


@pytest.mark.parametrize("field", ["request_id", "approvals", "denials", "endorsements"])
def test_a_signal_never_raises_and_never_settles_anything(ada: Approver, field: str) -> None:
    gate = _gate(ada)
    for value in VALUES.values():
        for given in (value, [value], [value] * 200):
            decision = read_decision({"request_id": gate.binding.request_id, "approvals": ["AAAA"], field: given})
            if decision is not None:
                gate.offer(decision, 1_790_000_000)
            assert not gate.is_settled
    for arguments in ((), (None,), ([],), ({},), ({"request_id": 1},), (1, 2)):
        assert read_decision(*arguments) is None


# --- What browsers and programs send --------------------------------------------------------------


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def _as_forms_carry_it(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode()


# Ten megabytes are in ``BODIES``: no form is read that long.
AS_TEXT = {
    label: _as_forms_carry_it(value)
    for label, value in {**SHAPES, **TEXTS, **ENCODED}.items()
    if not label.startswith("ten megabytes")
}
NAMES = (
    "approval", "denial", "envelope", "name", "reason", "role", "namespace", "person", "client_name", "device_code",
    "user_code", "decision", "purpose", "request_id", "credential", "fingerprint", "days", "lifetime", "login",
    "password", "code", "next",
)  # fmt: skip
POSTS = sorted(route for method, route in rows(TABLE) if method == "POST")


@pytest.mark.parametrize("side", ["approval", "denial"])
def test_a_decision_that_cannot_be_read_is_refused_by_name(world: World, side: str) -> None:
    client, address = world.visitor("appr"), world.path("approvals/<request_id:request_id>/decision/")
    for label, text in AS_TEXT.items():
        before = written()
        answer = client.post(address, {side: text}, headers={"Accept": "application/json"})
        assert 400 <= answer.status_code < 500, label
        assert written() == before, label
        assert answer.json()["code"] in ("malformed", "too_large"), label
        assert answer.json()["field"], label


@pytest.mark.parametrize("who", ["appr", "admin"])
def test_no_form_can_be_filled_in_so_that_the_server_fails(world: World, who: str) -> None:
    client = world.visitor(who)
    for route in POSTS:
        for label, text in AS_TEXT.items():
            cache.clear()
            with transaction.atomic():
                form = dict.fromkeys(NAMES, text)
                answer = client.post(world.path(route), form, headers={"Accept": "application/json"})
                transaction.set_rollback(True)
            assert answer.status_code < 500, (route, label)
            if answer.status_code >= 400 and answer["Content-Type"].startswith("application/json"):
                assert answer.json().get("code") or answer.json().get("error"), (route, label)


BODIES = {
    "no form": (b"\x00\xff\xfe", "application/x-www-form-urlencoded"),
    "a thousand fields": (b"&".join(b"a%d=1" % number for number in range(5000)), "application/x-www-form-urlencoded"),
    "broken multipart": (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n', "multipart/form-data; boundary=x"),
    "no boundary": (b"--x", "multipart/form-data"),
    "ten megabytes": (b"name=" + b"x" * 10_000_000, "application/x-www-form-urlencoded"),
    "deep JSON": (b"[" * 100_000, "application/json"),
    "another charset": ("é".encode("utf-16"), "application/x-www-form-urlencoded; charset=no-such-thing"),
}


@pytest.mark.parametrize("label", BODIES)
def test_no_body_makes_the_server_fail(world: World, label: str) -> None:
    body, content_type = BODIES[label]
    client = world.visitor("admin")
    for route in POSTS:
        cache.clear()
        with transaction.atomic():
            answer = client.generic("POST", world.path(route), body, content_type=content_type)
            transaction.set_rollback(True)
        assert answer.status_code < 500, route


@pytest.mark.parametrize("field", ["show", "q", "page", "looking"])
def test_the_queue_answers_every_question(world: World, field: str) -> None:
    client = world.visitor("appr")
    for label, text in AS_TEXT.items():
        before = written()
        for name in ("queue", "list"):
            answer = client.get(reverse(f"approvals:{name}"), {field: text}, headers={"Accept": "application/json"})
            assert answer.status_code in (200, 400), (name, label)
            if answer.status_code == 400 and name == "queue":
                assert answer.json()["field"] == field, label
        assert written() == before


PATHS = (
    "event", "event.event_type", "event.data", "event.data.id", "event.data.title", "event.data.priority",
    "event.data.priority.summary", "event.data.urgency", "event.data.service", "event.data.service.summary",
    "event.data.custom_details", "event.data.custom_details.scenario",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_an_alert_is_refused_by_the_field_that_is_wrong(db: None, path: str) -> None:
    for label, value in VALUES.items():
        document = json.loads(webhook("P1"))
        part = document
        *above, last = path.split(".")
        for name in above:
            part = part.setdefault(name, {})
        part[last] = value
        status, answer = _alert(json.dumps(document).encode())
        # 202: an event of another type. 503: it was understood, and Temporal is not there.
        assert status in (202, 400, 413, 422, 503), (label, status)
        if status in (400, 422):
            assert answer["field"].startswith(path) or path.startswith(answer["field"]), (label, answer)


def test_an_alert_that_says_two_things_is_refused(db: None) -> None:
    body = webhook("P1").replace(b'"id": "P1"', b'"id": "P1", "id": "P2"')
    assert len(body) > len(webhook("P1"))
    status, answer = _alert(body)
    assert (status, answer["field"]) == (400, "id")


def _alert(body: bytes) -> tuple[int, dict[str, Any]]:
    before = written()
    answer = asyncio.run(_post(body))
    assert written() == before
    return answer.status_code, json.loads(answer.content)


async def _post(body: bytes) -> Any:
    headers = {signatures.HEADER: signatures.sign(body, SECRET)}
    return await AsyncClient().post("/hooks/alerts/", body, content_type="application/json", headers=headers)


# --- What browsers say on a socket ----------------------------------------------------------------


@own_connections
async def test_a_socket_listens_to_nothing_that_is_said_on_it() -> None:
    ada = await database_sync_to_async(factories.person)("vera")
    for text in AS_TEXT.values():
        before = await database_sync_to_async(written)()
        socket = await _open_socket(ada, query=urlencode({"looking": text[:2000]}))
        await socket.send({"type": "websocket.receive", "text": text[:100_000]})
        await socket.send({"type": "websocket.receive", "bytes": text[:100_000].encode()})
        await socket.disconnect()
        assert await database_sync_to_async(written)() == before
    await bus.stop()
