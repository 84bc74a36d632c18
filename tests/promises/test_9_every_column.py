"""Promise 9: no column of any table holds what was said in plain, on SQLite and on PostgreSQL.

A whole incident, from the alert over gated calls that were withdrawn, denied, approved, taken back and run, to its
end; then every value of every column is searched.
"""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from temporalio.api.common.v1 import Payload

from accounts.roles.contracts import Role
from approvals.contracts import CallRecord, Outcome, OutcomeStatus, RunReport
from approvals.decisions.services import record
from approvals.models import ApprovalRequest
from approvals.requests import services
from approvals.retractions.services import retract
from audit.ledger.services import append
from audit.models.sealed import SealedField
from audit.retention.services import hold
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from tests import people
from tests.approvals import factories
from tests.approvals.stored import every_column
from tests.audit.indexed import take
from tests.promises.canaries import hits, planted
from warrants.issuers.services import ensure_issuer
from warrants.models import Warrant
from workers.codec_server.services import Caller, decode, encode
from workers.incident.alerts.contracts import Alert, Severity
from workers.incident.alerts.services import admit

pytestmark = pytest.mark.django_db

NAMESPACE = "default"
PLACES = (
    "title", "argument", "message", "reasoning", "earlier-argument", "earlier-detail", "withdrawn", "why-again",
    "proposed", "denial", "approval", "result", "error", "refused-argument", "refused-detail", "run", "typed",
    "payload", "hold",
)  # fmt: skip


@pytest.fixture
def words() -> dict[str, str]:
    """What was planted, once it was lived through."""
    words = planted(*PLACES)
    ada = factories.approver("ada")
    ensure_issuer()
    alert = Alert("P9002", words["title"], Severity.HIGH, "payment-service-prod", "payment-service")
    must_be_typed(factories.mint(ada), admit(alert=alert).warrant.id, words)
    minted = factories.mint(ada)
    asked = asked_again(minted, ada, words)
    run(minted, ada, words)
    end(asked, words)
    hold(chain=asked.chain, reason=words["hold"], by="local:grace")
    reader = people.person("rita", Role.PAYLOAD_READER)
    caller = Caller(reader)
    sealed = encode(caller=caller, namespace=NAMESPACE, payloads=[Payload(data=words["payload"].encode())])
    assert decode(caller=caller, namespace=NAMESPACE, payloads=sealed)[0].data == words["payload"].encode()
    take()
    return words


def must_be_typed(minted: factories.Minted, like: str, words: dict[str, str]) -> None:
    """Ask under a warrant whose policy wants an argument to be typed, and which is else like another one."""
    row = Warrant.objects.get(pk=like)
    row.pk, row.data, row.confirmed_arguments = minted.leaf.id, minted.chain[-1], {factories.TOOL: "service"}
    row.save(force_insert=True)
    arguments = {"environment": "production", "service": words["typed"]}
    services.open(gate_request=factories.gate_request(minted, run_id="run-0", arguments=arguments))


def said(words: dict[str, str]) -> dict[str, Any]:
    earlier = base64.b64encode(cbor.encode({"query": words["earlier-argument"]})).decode()
    at = int(time.time() * 1000)
    call = CallRecord("read_logs", "denied", at, code="X", detail=words["earlier-detail"], arguments_cbor=earlier)
    return {
        "arguments": {"environment": "production", "service": words["argument"]},
        "gate_message": words["message"],
        "reasoning": words["reasoning"],
        "history": [call],
    }


def asked_again(minted: factories.Minted, ada: factories.Approver, words: dict[str, str]) -> ApprovalRequest:
    """Ask, withdraw, ask again, and be denied with other arguments."""
    first = services.open(gate_request=factories.gate_request(minted, run_id="run-1", **said(words)))
    services.withdraw(request_id=first.pk, reason=words["withdrawn"])
    again = factories.gate_request(
        minted, run_id="run-1", supersedes=first.pk, why_again=words["why-again"], **said(words)
    )
    waiting = services.open(gate_request=again)
    proposed = cbor.encode({"environment": "production", "service": words["proposed"]})
    denial = ada.sign_denial(waiting, reason=words["denial"], proposed_arguments=proposed)
    record(person=ada.person, request_id=waiting.pk, denial=denial)
    return waiting


def run(minted: factories.Minted, ada: factories.Approver, words: dict[str, str]) -> None:
    """Approve two calls: one returns something, the other fails; and take a third one's approval back."""
    grace = factories.approver("grace")
    both = factories.mint(ada, grace, min_approvals=2)
    waiting = services.open(gate_request=factories.gate_request(both, run_id="run-2", **said(words)))
    approval = ada.sign_approval(waiting, reason=words["approval"])
    record(person=ada.person, request_id=waiting.pk, approval=approval)
    retract(person=ada.person, request_id=waiting.pk, retraction=ada.sign_retraction(waiting, approval))
    ends = [(OutcomeStatus.EXECUTED, "", words["result"]), (OutcomeStatus.FAILED, words["error"], "")]
    for number, (status, detail, result) in enumerate(ends):
        asked = services.open(gate_request=factories.gate_request(minted, run_id=f"run-3{number}", **said(words)))
        approval = ada.sign_approval(asked, reason=words["approval"])
        record(person=ada.person, request_id=asked.pk, approval=approval)
        services.close(outcome=Outcome(asked.pk, status, int(time.time() * 1000), "TOOL_FAILED", detail, result))


def end(asked: ApprovalRequest, words: dict[str, str]) -> None:
    """Be refused a call, and end."""
    with transaction.atomic():
        call = {"tool": "read_logs", "decided_at_ms": int(time.time() * 1000)}
        details = {**call, "code": "CONSTRAINT_VIOLATED", "detail": words["refused-detail"]}
        arguments = {"arguments": cbor.encode({"name": words["refused-argument"]})}
        append(chain=asked.chain, kind=EntryKind.CALL_DENIED, details=details, attachments=arguments)
    services.record_run(
        report=RunReport(
            asked.chain, NAMESPACE, asked.workflow_id, "run-1", "failed", int(time.time() * 1000), words["run"]
        )
    )


def opened() -> dict[str, bytes]:
    """Return every sealed column of every table, by name, as the application reads it."""
    found = {}
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, SealedField):
                values = [getattr(row, column.attname) or b"" for row in model._default_manager.all()]
                whole = [value if isinstance(value, bytes) else str(value).encode() for value in values]
                found[f"{model._meta.db_table}.{column.column}"] = b"\n".join(whole)
    return found


def test_no_column_of_any_table_holds_what_was_said(words: dict[str, str]) -> None:
    stored = every_column(connection)
    found = {column: hits(words, content) for column, content in stored.items()}
    assert {column: places for column, places in found.items() if places} == {}


def test_the_same_search_finds_all_of_it_in_the_same_rows_once_they_are_open(words: dict[str, str]) -> None:
    found = {column: hits(words, content) for column, content in opened().items()}
    assert [column for column, places in found.items() if not places] == [], "every sealed column was written to"
    # A payload that somebody decodes is kept nowhere.
    assert set(words) - {place for places in found.values() for place in places} == {"payload"}
    stored = every_column(connection)
    assert set(found) <= set(stored)
    assert b"restart_service" in stored["approvals_approvalrequest.tool"], "what is plain is found as well"
