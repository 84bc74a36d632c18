"""A team in another namespace, with no plugin of ours, waits for a decision that people sign."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from nexusrpc import HandlerErrorType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from accounts.models import Person
from approvals.errors import ApprovalError
from approvals.models import ApprovalRequest
from approvals.signing import approval as approvals
from audit.models import LedgerEntry
from audit.sealing import Ring
from audit.statements.kinds import EntryKind
from tests.endorsing import ROOT
from tests.nexus.callers import TeamWorkflow
from tests.nexus.conftest import STRANGER, TEAM, eventually, evidence, refusal, team_client
from warrants.catalogue.queries import tools
from warrants.issuers.queries import trusted_roots
from warrants.models import Warrant
from workers.answers.__main__ import main as verify_answer
from workers.answers.checking import NotProven, check, read_answer
from workers.answers.contracts import action_queue_of
from workers.nexus.exchange import exchange_ring_of

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]

DEPLOY = {"service": "checkout", "environment": "production", "version": "2.4.1"}
ASKED = {"action": "deploy_release", "arguments": DEPLOY, "reasoning": "The fix is tested.", "reference": "CHG-7"}


async def test_an_approval_reaches_a_team_that_has_no_plugin(office):
    handle = await office.ask(ASKED)
    waiting = await office.waiting()
    signed = await office.approve(waiting)
    answer = await handle.result()
    assert (answer["outcome"], answer["arguments"], answer["reference"]) == ("approved", DEPLOY, "CHG-7")
    question = answer["question"]
    assert (question["request_id"], question["request_hash"]) == (waiting.pk, bytes(waiting.request_hash).hex())
    (decision,) = question["decisions"]
    assert base64.b64decode(decision["statement"]) == signed
    assert decision["approver_key"] == office.ada.public_key.hex()
    approvals.parse(base64.b64decode(decision["statement"])).verify()
    # The worker of these actions says which they are.
    (tool,) = await eventually(partial(sync_to_async(tools), ["deploy_release"]))
    assert tool.places == (f"{office.plain.namespace}/{action_queue_of(TEAM)}",)


async def test_the_answer_proves_itself_to_whoever_knows_the_roots(office, tmp_path):
    handle = await office.ask(ASKED)
    await office.approve(await office.waiting())
    answer = await handle.result()
    roots = await sync_to_async(trusted_roots)()
    assert check(read_answer(answer), roots=roots, people_roots=[ROOT]).people == (office.ada.person.external_id,)
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))
    assert verify_answer([str(file), "--root", roots[0].hex(), "--people-root", ROOT.hex()]) == 0
    question = answer["question"]
    lies = [
        {**answer, "arguments": {**DEPLOY, "environment": "staging"}},
        {**answer, "action": "grant_access"},
        {**answer, "outcome": "denied"},
        {**answer, "question": {**question, "request_id": "apr_another"}},
        {**answer, "question": {**question, "endorsements": []}},
        {**answer, "question": {**question, "decisions": []}},
        {**answer, "question": None},
    ]
    for lie in lies:
        with pytest.raises(NotProven):
            check(read_answer(lie), roots=roots, people_roots=[ROOT])
    for wrong in ({"roots": [ROOT], "people_roots": [ROOT]}, {"roots": roots, "people_roots": roots}):
        with pytest.raises(NotProven):
            check(read_answer(answer), **wrong)


async def test_a_denial_is_an_answer_with_its_reason(office):
    handle = await office.ask(ASKED)
    signed = [await office.deny(await office.waiting(), "Not before Monday.", by) for by in (office.ada, office.grace)]
    answer = await handle.result()
    assert answer["outcome"] == "denied"
    told = answer["question"]["decisions"]
    assert [base64.b64decode(one["statement"]) for one in told] == signed
    assert {one["reason"] for one in told} == {"Not before Monday."}
    roots = await sync_to_async(trusted_roots)()
    assert len(check(read_answer(answer), roots=roots, people_roots=[ROOT]).people) == 2


async def test_the_evidence_of_a_question_verifies(office):
    handle = await office.ask(ASKED)
    waiting = await office.waiting()
    await office.approve(waiting)
    await handle.result()
    await eventually(LedgerEntry.objects.filter(chain=waiting.chain, kind=EntryKind.RUN_COMPLETED).afirst)
    report = await sync_to_async(evidence)(waiting.chain)
    assert report.verified, report.as_text()
    assert "approval.granted" in report.as_text()


async def test_giving_up_withdraws_the_request(office):
    handle = await office.ask(ASKED)
    waiting = await office.waiting()
    await handle.signal("give_up")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await eventually(ApprovalRequest.objects.filter(pk=waiting.pk, state="withdrawn").afirst)
    with pytest.raises(ApprovalError):
        await office.approve(waiting)


async def test_silence_is_an_answer_too(office):
    handle = await office.ask(ASKED)
    waiting = await office.waiting()
    answer = await handle.result()
    assert (answer["outcome"], answer["question"]["request_id"]) == ("expired", waiting.pk)
    assert answer["question"]["decisions"] == []


async def test_who_asks_cannot_approve(office):
    handle = await office.ask({**ASKED, "requested_by": [office.ada.person.external_id]})
    waiting = await office.waiting()
    with pytest.raises(ApprovalError):
        await office.approve(waiting)
    await office.approve(waiting, office.grace)
    answer = await handle.result()
    assert [one["person"] for one in answer["question"]["decisions"]] == [office.grace.person.external_id]


REFUSED = [
    ({**ASKED, "action": "drop_database"}, "no action 'drop_database'"),
    ({**ASKED, "arguments": {**DEPLOY, "environment": "Production"}}, "environment must be one of"),
    ({**ASKED, "arguments": {**DEPLOY, "force": True}}, "takes no force"),
    ({**ASKED, "arguments": {"service": "checkout"}}, "environment is missing"),
    ({**ASKED, "arguments": {**DEPLOY, "version": {"major": 2}}}, "version must be text"),
    ({**ASKED, "arguments": {**DEPLOY, "version": None}}, "version must be text"),
    (
        {"action": "grant_access", "arguments": {"person": "eve", "role": "owner", "hours": 25}},
        "hours must be at least 1, at most 24",
    ),
    ({"action": "grant_access", "arguments": {"person": "eve", "role": "owner", "hours": 1.5}}, "whole number"),
    ({"action": "grant_access", "arguments": {"person": "eve", "role": "owner", "hours": True}}, "whole number"),
    ({**ASKED, "reference": "line\nbreak"}, "reference must be"),
    ({**ASKED, "reasoning": "x" * 20_001}, "reasoning must be"),
    ({**ASKED, "requested_by": ["two\nlines"]}, "printable"),
    ({**ASKED, "arguments": "all"}, "input"),
    ({"arguments": {}}, "input"),
    ({**ASKED, "reasoning": 7}, "input"),
]


async def test_what_does_not_fit_is_refused_at_once_and_nothing_is_written(office):
    handles = [(await office.ask(asked), words) for asked, words in REFUSED]
    for handle, words in handles:
        error = await refusal(handle)
        assert error.type == HandlerErrorType.BAD_REQUEST, words
        assert words in str(error), error
    assert not await ApprovalRequest.objects.aexists()
    assert not await Warrant.objects.aexists()


async def test_an_endpoint_that_is_not_listed_asks_nothing(office):
    error = await refusal(await office.ask(ASKED, endpoint=STRANGER))
    assert error.type == HandlerErrorType.UNAUTHORIZED
    assert not await Warrant.objects.aexists()


@pytest.mark.parametrize("keys", ["no codec", "no key", "a key of their own making"])
async def test_who_has_not_the_endpoints_key_asks_nothing(office, keys):
    forged = Ring(exchange_ring_of(TEAM), "forged", {"forged": b"\x07" * 32}) if keys.startswith("a key") else None
    client = team_client(office.plain, forged)
    if keys == "no codec":
        client = Client(**{**client.config(), "data_converter": DataConverter.default})
    thief = replace(office, team=client, team_queue=f"{office.team_queue}-{keys}")
    async with Worker(thief.team, task_queue=thief.team_queue, workflows=[TeamWorkflow]):
        error = await refusal(await thief.ask(ASKED))
    assert error.type == HandlerErrorType.BAD_REQUEST
    assert isinstance(error.__cause__, ApplicationError)
    assert "ring" in str(error.__cause__) or "plaintext" in str(error.__cause__) or "key" in str(error.__cause__)
    assert not await Warrant.objects.aexists()


async def test_a_question_waits_until_there_is_somebody_to_approve(office):
    people = Person.objects.filter(pk__in=[office.ada.person.pk, office.grace.person.pk])
    await people.aupdate(is_active=False)
    handle = await office.ask(ASKED)
    await eventually(lambda: _is_tried_again(handle))
    await people.aupdate(is_active=True)
    await office.approve(await office.waiting())
    assert (await handle.result())["outcome"] == "approved"


async def _is_tried_again(handle: WorkflowHandle[Any, Any]) -> bool:
    description = await handle.describe()
    return any(one.attempt > 1 for one in description.raw_description.pending_nexus_operations)
