"""Promise 9: whoever may see that there is a request does not yet see what it holds.

Every address that shows requests or incidents, as every role, in every form it answers in.
"""

from __future__ import annotations

import base64
import datetime
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.contracts import CallRecord, Outcome, OutcomeStatus
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Notification, OnCallRotation
from approvals.models.request import FINAL
from approvals.requests import services
from audit.ledger.services import append
from audit.models import Attachment, LedgerEntry
from audit.models.sealed import Sealed
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from tests import people
from tests.approvals import factories

NAMESPACE = "payments"
JSON = {"accept": "application/json"}
FORMS: tuple[dict[str, str], ...] = ({}, JSON, {"HX-Request": "true"})
SEES = {
    Role.VIEWER: False,
    Role.APPROVER: True,
    Role.POLICY_AUTHOR: False,
    Role.POLICY_PUBLISHER: False,
    Role.AUDITOR: True,
    Role.SECURITY_ADMINISTRATOR: True,
    Role.PAYLOAD_READER: True,
}
REASON = "No, a restart loses payments."

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> factories.Approver:
    return factories.approver("ada", namespace=NAMESPACE)


@pytest.fixture
def denied(ada: factories.Approver) -> ApprovalRequest:
    """A request with content in every field, denied with a reason and other arguments, and asked about anew."""
    minted = factories.mint(ada)
    call = {"environment": "production", "service": "CANARY-argument"}
    line = CallRecord(
        tool="read_logs",
        verdict="denied",
        at_ms=int(time.time() * 1000),
        code="CONSTRAINT_VIOLATED",
        detail="CANARY-history-detail",
        arguments_cbor=base64.b64encode(cbor.encode({"q": "CANARY-history-argument"})).decode(),
    )
    said: dict[str, Any] = {
        "arguments": call,
        "gate_message": "CANARY-gate-message",
        "reasoning": "CANARY-reasoning",
        "history": [line],
        "namespace": NAMESPACE,
    }
    first = services.open(gate_request=factories.gate_request(minted, run_id="run-1", **said))
    services.withdraw(request_id=first.pk, reason="CANARY-withdrawn")
    again = factories.gate_request(minted, run_id="run-1", supersedes=first.pk, why_again="CANARY-why-again", **said)
    waiting = services.open(gate_request=again)
    proposed = cbor.encode({**call, "service": "CANARY-proposed"})
    record(
        person=ada.person,
        request_id=waiting.pk,
        denial=ada.sign_denial(waiting, reason=REASON, proposed_arguments=proposed),
    )
    waiting.refresh_from_db()
    return waiting


@pytest.fixture
def failed(ada: factories.Approver) -> ApprovalRequest:
    """A request that ran and failed, with receipts of refused calls in its ledger."""
    waiting = factories.open_request(ada, namespace=NAMESPACE, reasoning="CANARY-reasoning")
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    outcome = Outcome(
        waiting.pk, OutcomeStatus.FAILED, int(time.time() * 1000), "TOOL_FAILED", "CANARY-detail", "CANARY-result"
    )
    services.close(outcome=outcome)
    with transaction.atomic():
        call = {"tool": "read_logs", "decided_at_ms": int(time.time() * 1000)}
        details = {**call, "code": "CONSTRAINT_VIOLATED", "detail": "CANARY-constraint"}
        append(chain=waiting.chain, kind=EntryKind.CALL_DENIED, details=details, attachments={"arguments": b"CANARY"})
        ended = {"status": "failed", "detail": "CANARY-run-failed", "workflow_id": "w", "run_id": "r"}
        append(chain=waiting.chain, kind=EntryKind.RUN_COMPLETED, details=ended)
    waiting.refresh_from_db()
    return waiting


def visitor(role: Role | None, namespace: str = NAMESPACE) -> Client:
    cache.clear()
    client = Client()
    if role is not None:
        client.force_login(people.person(f"{role}-{namespace}", role, namespace=namespace))
    return client


def hand_over_of(waiting: ApprovalRequest) -> str:
    """Return the address of the hand-over of a shift in which Ada was asked to decide ``waiting``."""
    now, ada = timezone.now(), Person.objects.get(username="ada")
    row = {"channel": "mail", "event": "opened", "recipient": "local:ada", "person": ada}
    times = {"created_at": now, "due_at": now, "urgency": 0}
    Notification.objects.get_or_create(approval_request=waiting, **row, defaults=times)
    turns = {
        "hands_over": datetime.time(),
        "time_zone": "UTC",
        "starts_on": now.date() - datetime.timedelta(days=1),
        "changed_at": now,
    }
    rotation, _ = OnCallRotation.objects.get_or_create(name="Primary", defaults=turns)
    rotation.members.get_or_create(person=ada, position=0)
    return f"/on-call/rotation/{rotation.pk}/hand-over/"


def answers(client: Client, waiting: ApprovalRequest) -> dict[str, str]:
    """Return what every address that shows requests and incidents says, in every form."""
    paths = [
        *(f"/approvals/{part}?show=all" for part in ("", "list/")),
        "/approvals/?show=all&q=CANARY",
        "/approvals/backlog/",
        *(f"/approvals/{waiting.pk}/{part}" for part in ("", "card/", "progress/")),
        "/incidents/",
        *(f"/incidents/{waiting.chain}/{part}" for part in ("", "tree/", "timeline/")),
        "/measures/",
        "/on-call/",
        hand_over_of(waiting),
        "/notifications/",
        "/notifications/log/",
        "/sessions/",
        "/people/",
    ]
    found = {}
    for path in paths:
        for form in FORMS:
            answer = client.get(path, headers=form)
            found[f"{path} {form}"] = f"{answer.content.decode()} {answer.headers}"
    return found


@pytest.mark.parametrize("which", ["denied", "failed"])
@pytest.mark.parametrize("role", [None, *(role for role, sees in SEES.items() if not sees)], ids=str)
def test_without_the_right_no_address_shows_content(
    role: Role | None, which: str, request: pytest.FixtureRequest
) -> None:
    waiting = request.getfixturevalue(which)
    told = answers(visitor(role), waiting)
    assert [name for name, text in told.items() if "CANARY" in text and "q=CANARY" not in name] == []
    searched = [text.replace("CANARY", "", 3) for name, text in told.items() if "q=CANARY" in name]
    assert not [text for text in searched if "CANARY-" in text or waiting.pk in text]


@pytest.mark.parametrize("role", [Role.APPROVER, Role.AUDITOR, Role.PAYLOAD_READER, Role.SECURITY_ADMINISTRATOR])
def test_a_right_in_another_namespace_shows_none_of_it(role: Role, denied: ApprovalRequest) -> None:
    person = people.person("elsewhere", role, namespace="billing")
    people.hold(person, Role.VIEWER, namespace=NAMESPACE)
    cache.clear()
    client = Client()
    client.force_login(person)
    told = answers(client, denied)
    assert [name for name, text in told.items() if "CANARY-" in text] == []
    assert denied.tool in told[f"/approvals/{denied.pk}/ {{}}"], "they are a viewer there"


@pytest.mark.parametrize("role", [role for role, sees in SEES.items() if sees], ids=str)
def test_with_the_right_everything_is_shown(role: Role, denied: ApprovalRequest) -> None:
    client = visitor(role)
    page = client.get(f"/approvals/{denied.pk}/", headers=JSON).json()
    assert not page["hides_content"]
    words = ("argument", "gate-message", "reasoning", "history-detail", "history-argument", "proposed", "why-again")
    assert [word for word in words if f"CANARY-{word}" not in str(page)] == []
    html = client.get(f"/approvals/{denied.pk}/").content.decode()
    assert "CANARY-reasoning" in html
    tree = client.get(f"/incidents/{denied.chain}/").content.decode()
    assert "CANARY-argument" in tree
    assert "CANARY-withdrawn" in tree


def test_a_viewer_sees_that_there_is_a_request_who_decided_why_and_who_sees_more(denied: ApprovalRequest) -> None:
    client = visitor(Role.VIEWER)
    html = client.get(f"/approvals/{denied.pk}/").content.decode()
    for shown in (denied.tool, "Ada", REASON, "Its content is not shown to you", "payload readers"):
        assert shown in html
    page = client.get(f"/approvals/{denied.pk}/", headers=JSON).json()
    assert (page["hides_content"], page["signing"], page["history"]) == (True, {}, [])
    assert (page["card"]["target"], page["card"]["asked_again"]) == ("", True)
    tree = client.get(f"/incidents/{denied.chain}/").content.decode()
    assert "are not shown to you" in tree
    assert "You may not see this" in tree


def test_what_was_changed_in_the_database_is_a_sentence_and_breaks_nothing_else(
    denied: ApprovalRequest, failed: ApprovalRequest
) -> None:
    """The attacker swaps what two requests hold, and their ledger entries' attachments."""
    columns = {"target": Sealed(raw(failed, "target")), "reasoning": Sealed(raw(failed, "reasoning"))}
    ApprovalRequest.objects.filter(pk=denied.pk).update(**columns)
    Attachment.objects.filter(entry__chain=denied.chain).update(content=Sealed(b"\xff\x05abcde" + bytes(60)))
    LedgerEntry.objects.filter(chain=denied.chain, sequence=2).update(envelope=Sealed(b"\xff\x05abcde" + bytes(60)))
    client = visitor(Role.AUDITOR)
    page = client.get(f"/approvals/{denied.pk}/")
    assert page.status_code == 409
    assert "cannot be read" in page.content.decode()
    answer = client.get(f"/approvals/{denied.pk}/", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "content_unreadable")
    queue = client.get("/approvals/?show=all")
    assert queue.status_code == 200
    assert "What it acts on cannot be read" in queue.content.decode()
    assert factories.ARGUMENTS["service"] in queue.content.decode(), "the other card is whole"
    tree = client.get(f"/incidents/{denied.chain}/")
    assert tree.status_code == 200
    assert "this entry cannot be read" in tree.content.decode()
    evidence = client.post(f"/incidents/{denied.chain}/evidence/")
    assert evidence.status_code == 409
    assert "cannot be read whole" in evidence.content.decode()
    for path in ("/incidents/", f"/incidents/{denied.chain}/timeline/"):
        assert client.get(path).status_code == 200


def raw(approval_request: ApprovalRequest, column: str) -> bytes:
    return bytes(ApprovalRequest.objects.get(pk=approval_request.pk).__dict__[column])


def test_nothing_that_is_sealed_is_plain_in_the_database(denied: ApprovalRequest, failed: ApprovalRequest) -> None:
    assert {denied.state, failed.state} <= set(FINAL)
    for row in ApprovalRequest.objects.all():
        assert not [name for name, value in row.__dict__.items() if isinstance(value, str) and "CANARY" in value]
    for entry in LedgerEntry.objects.filter(chain__in=[denied.chain, failed.chain]):
        assert b"CANARY" not in entry.__dict__["envelope"]
        assert entry.__dict__["envelope"].startswith(b"\xff")
