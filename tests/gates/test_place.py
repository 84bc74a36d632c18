"""A warrant of one namespace is worth nothing in another: neither for calls that need people, nor for the others."""

from __future__ import annotations

import base64

import pytest
import tenuo_core
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from approvals.contracts import CallVerdict
from audit.statements import place
from tests.gates import agents
from tests.gates.conftest import CAPABILITIES, GATES, Floor
from tests.gates.people import Keys, approve, decision, send
from tests.gates.replaying import ClaimsRequest
from tests.gates.test_attacks import thieves
from warrants.minting.extending import with_extensions

pytestmark = pytest.mark.temporal
HERE, ELSEWHERE = "default", "finance-ai-stg"


def for_incident_in(namespace: str, keys: Keys) -> tenuo_core.Warrant:
    added = {place.EXTENSION: place.to_bytes(namespace)}
    return with_extensions(keys.warrant(CAPABILITIES, GATES), added, keys.issuing_key)


async def test_not_even_a_call_that_needs_nobody_runs_elsewhere(floor: Floor, keys: Keys) -> None:
    handle = await floor.start(agents.PlainAgent, "checkout", warrant=for_incident_in(ELSEWHERE, keys))
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    activity_error = failed.value.cause
    assert isinstance(activity_error, ActivityError)
    assert isinstance(activity_error.cause, ApplicationError)
    assert (activity_error.cause.type, activity_error.cause.non_retryable) == ("WARRANT_ELSEWHERE", True)
    [refused] = floor.sink.records
    assert (refused.tool, refused.verdict, refused.code) == ("read_logs", CallVerdict.DENIED, "WARRANT_ELSEWHERE")


async def test_an_approval_does_not_carry_it_over(floor: Floor, keys: Keys) -> None:
    """The thief has the agent's key, and an approver who signs for this very namespace."""
    async with thieves(floor, ClaimsRequest(endorsements=keys.endorsements())) as thief:
        handle = await thief.start([], 1, for_incident_in(ELSEWHERE, keys))
        signed = approve(await thief.request_of(handle), keys.approver)
        await handle.signal("use", [base64.b64encode(signed).decode()])
        assert await handle.result() == ["WARRANT_ELSEWHERE"]
    assert agents.effects == []


async def test_in_its_own_namespace_it_runs(floor: Floor, keys: Keys) -> None:
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=for_incident_in(HERE, keys))
    request = await floor.desk.requests.get()
    own = decision(request, approvals=(approve(request, keys.approver),), endorsements=keys.endorsements())
    await send(floor.plain, request, own)
    assert await handle.result() == "restarted checkout"
