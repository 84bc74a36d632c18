"""What the simulator says is what a real worker does, for random policies and calls."""

from __future__ import annotations

import base64
import json
import os
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import tenuo_core
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo.temporal import start_workflow_authorized

from accounts.models import ApproverKey
from approvals.contracts import APPROVALS_TASK_QUEUE, OPEN_REQUEST_ACTIVITY, GateRequest, ReceiptRecord
from audit.statements import cbor
from tests.gates.closing import ClosingReportDesk
from tests.gates.people import Desk
from tests.simulation import guessing, tools
from tests.simulation.agent import RAN, Caller
from tests.warrants.conftest import approver_key
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.issuers.queries import trusted_roots
from warrants.minting import services as minting
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.policies.rules import Policy
from warrants.simulation.contracts import Answer, Outcome
from warrants.simulation.replaying import OF_THE_POLICY
from warrants.simulation.trial import Trial
from workers.gates.errors import REQUEST_REFUSED
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(180)]

SEED = int(os.environ.get("SIMULATION_SEED", "20260701"))
POLICIES, CALLS_EACH = 21, 24
INCIDENT = Incident("P1042", "High error rate", "critical", guessing.SERVICE, "default")
# What a worker, or the workflow before it, calls what the simulator has one word for.
_WORKERS_WORDS = {
    "constraint_violation": {"constraint_violation", "PRE_VALIDATION_FAILED"},
    "tool_not_allowed": {"tool_not_authorized", "failed"},  # or the values do not fit its parameters either
    "policy_violation": {"constraint_violation"},
    "MALFORMED_ARGUMENTS": {"MALFORMED_ARGUMENTS"},
    "authorization_failed": {"CONSTRAINT_VIOLATED"},
}


@dataclass
class Group:
    """Calls that one run makes, under one warrant."""

    policy: Policy
    pairs: list[guessing.Pair]
    minted: MintedWarrant
    answers: list[Answer] = field(default_factory=list)


class RefusingDesk(Desk):
    """Asks nobody: whoever is asked about a call is told so, and the call ends."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[tuple[str, str, bytes], tuple[str, int]] = {}

    @activity.defn(name=OPEN_REQUEST_ACTIVITY)
    async def open_request(self, request: GateRequest) -> None:
        leaf = tenuo_core.Warrant.from_bytes(base64.b64decode(request.warrant_chain[-1]))
        call = (leaf.id, request.tool, base64.b64decode(request.arguments_cbor))
        self.asked[call] = (request.gate_message, leaf.approval_threshold())
        raise ApplicationError("Nobody is here.", type="nobody", non_retryable=True)


@pytest.fixture
def groups(db: None, monkeypatch: pytest.MonkeyPatch) -> list[Group]:
    """Random policies and calls, a warrant that was really minted under each, and what the simulator says."""
    chance, agent = random.Random(SEED), ensure_agent(name="incident-agent")
    people = [approver_key("ada"), approver_key("grace")]
    made = []
    for number in range(POLICIES):
        policy = guessing.policy(chance, number)
        pairs = guessing.calls(chance, policy, CALLS_EACH)
        made.append(Group(policy, pairs, _minted(policy, agent, people, monkeypatch)))
    for group in made:
        trial = Trial(group.policy, severity="critical", service=guessing.SERVICE, namespace="default")
        group.answers = [trial.answer(pair.tool, pair.arguments, tools.reported(pair.tool)) for pair in group.pairs]
    return made


def _minted(policy: Policy, agent: Any, people: list[ApproverKey], patch: pytest.MonkeyPatch) -> MintedWarrant:
    patch.setattr(minting, "load", lambda name: policy)
    return minting.mint(policy=policy.name, incident=INCIDENT, agent=agent, approvers=people)


@dataclass
class Agents:
    """A running worker with both plugins, and the desk that its requests reach."""

    client: Client
    tenuo_plugin: Any
    desk: RefusingDesk
    sink: InMemoryReceiptSink
    task_queue: str

    async def outcomes(self, group: Group) -> list[str]:
        handle = await start_workflow_authorized(
            client=self.client,
            client_interceptor=self.tenuo_plugin.client_interceptor,
            workflow_run_fn=Caller.run,
            args=[[json.dumps([pair.tool, list(pair.arguments.values())]) for pair in group.pairs]],
            warrant=tenuo_core.Warrant.from_bytes(group.minted.chain[0]),
            key_id=group.minted.key_id,
            workflow_id=f"guesses-{uuid.uuid4().hex[:12]}",
            task_queue=self.task_queue,
        )
        return list(await handle.result())


@pytest.fixture
def trusted(groups: list[Group]) -> dict[str, Any]:
    """The agent's key and the issuer's, as the worker holds them."""
    return {"holder_keys": holder_keys(), "trusted_roots": trusted_roots()}


@pytest.fixture
async def agents(live_temporal: WorkflowEnvironment, trusted: dict[str, Any]) -> AsyncIterator[Agents]:
    settings = GateSettings(approvals_task_queue=f"{APPROVALS_TASK_QUEUE}-{uuid.uuid4().hex[:8]}")
    desk, sink, task_queue = RefusingDesk(), InMemoryReceiptSink(), f"guesses-{uuid.uuid4().hex[:8]}"
    plugins = build_plugins(
        activities=tools.ACTIVITIES,
        **trusted,
        receipts=ReceiptWriter(sink=sink, signing_key=b"\x07" * 32, worker="guesses"),
        nonces=InMemoryNonceStore(),
        settings=settings,
    )
    plain = await Client.connect(live_temporal.client.service_client.config.target_host)
    client = await Client.connect(plain.service_client.config.target_host, plugins=list(plugins))
    async with (
        Worker(client, task_queue=task_queue, workflows=[Caller], activities=tools.ACTIVITIES),
        Worker(
            plain,
            task_queue=settings.approvals_task_queue,
            workflows=[ClosingReportDesk],
            activities=desk.activities,
        ),
    ):
        yield Agents(client, plugins[0], desk, sink, task_queue)


async def test_the_simulator_says_what_a_worker_does(agents: Agents, groups: list[Group]) -> None:
    disagreements, seen = [], set()
    for group in groups:
        for pair, answer, said in zip(group.pairs, group.answers, await agents.outcomes(group), strict=True):
            seen.add((answer.outcome, answer.code))
            wrong = _disagreement(pair, answer, said, agents.desk, group.minted.id)
            if wrong:
                disagreements.append(f"SIMULATION_SEED={SEED} {wrong}\n{pair}\n{answer}\n{group.policy.text}")
    assert not disagreements, f"{len(disagreements)} disagreements:\n" + "\n\n".join(disagreements[:5])
    assert _replayed_otherwise(agents.sink.records, groups) == []
    assert POLICIES * CALLS_EACH >= 500
    assert {outcome for outcome, _ in seen} == set(Outcome)
    assert {code for _, code in seen} >= {"", "approval_required", *_WORKERS_WORDS}
    written = "".join(group.policy.text for group in groups)
    assert [kind for kind in guessing.EVERY_KIND if f"{kind}:" not in written and f": {kind}" not in written] == []
    assert [form for form in ("always:", "unless:", "when:") if form not in written] == []


def _disagreement(pair: guessing.Pair, answer: Answer, said: str, desk: RefusingDesk, warrant: str) -> str:
    """Return what the worker did, if the simulator said something else; else nothing."""
    happened = {RAN: Outcome.ALLOWED, REQUEST_REFUSED: Outcome.GATED}.get(said, Outcome.DENIED)
    if happened is not answer.outcome:
        return f"The worker: {happened} ({said}). The simulator: {answer.outcome} ({answer.code})."
    if happened is Outcome.GATED:
        asked = desk.asked[warrant, pair.tool, cbor.encode(dict(pair.arguments))]
        return "" if asked == (answer.message, answer.people) else f"People were asked {asked}."
    if happened is Outcome.DENIED and answer.code in _WORKERS_WORDS and said not in _WORKERS_WORDS[answer.code]:
        return f"The worker refused it as {said}, the simulator as {answer.code}."
    return ""


def _replayed_otherwise(records: list[ReceiptRecord], groups: list[Group]) -> list[ReceiptRecord]:
    """Return what the worker recorded, and a replay under the same policy would call a change."""
    trials = {
        group.minted.id: Trial(group.policy, severity="critical", service=guessing.SERVICE, namespace="default")
        for group in groups
    }
    compared = [record for record in records if record.verdict != Outcome.DENIED or record.code in OF_THE_POLICY]
    assert {record.code for record in records} - {"", "approval_required", *OF_THE_POLICY} == {"invalid_pop"}
    return [
        record
        for record in compared
        if trials[record.chain].decide(record.tool, cbor.decode(base64.b64decode(record.arguments_cbor))).outcome
        != record.verdict
    ]
