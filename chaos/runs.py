"""Starting the agents' runs and waiting for them, through outages of the Temporal server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import tenuo_core
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from tenuo.temporal import TenuoClientInterceptor, start_workflow_authorized

from chaos import agents
from chaos.plan import PEOPLE, Case

POLICIES = Path(__file__).parent / "policies"
AGAIN_SECONDS = 0.5
ASK_SECONDS = 6.0
ANSWER_SECONDS = 15.0
Answer = TypeVar("Answer")
# Why Temporal had to be asked again, and how often.
asked_again: Counter[str] = Counter()


async def insist(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer to ``ask``, asked again while Temporal is away, or keeps silent."""
    while True:
        try:
            return await asyncio.wait_for(ask(), ANSWER_SECONDS)
        except (RPCError, RuntimeError, TimeoutError) as error:
            asked_again[f"{type(error).__name__}: {error}"[:120]] += 1
            await asyncio.sleep(AGAIN_SECONDS)


async def run_case(client: Client, minted: Any, case: Case) -> list[str]:
    """Start the case's run, and return what came of each of its calls; one text if the run itself failed."""
    handle = await insist(lambda: _start(client, minted, case))
    # A poll that waits for the result can outlive the server that it asked, and hears nothing from the next one.
    while (await insist(handle.describe)).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
        await asyncio.sleep(ASK_SECONDS)
    try:
        return list(await insist(handle.result))
    except WorkflowFailureError as error:
        return [f"the run failed: {error.cause}"]


async def _start(client: Client, minted: Any, case: Case) -> WorkflowHandle[Any, Any]:
    interceptor = TenuoClientInterceptor()
    try:
        return await start_workflow_authorized(
            client=Client(**{**client.config(), "interceptors": [interceptor]}),
            client_interceptor=interceptor,
            workflow_run_fn=agents.Agent.run,
            args=[[call.name for call in case.calls]],
            warrant=tenuo_core.Warrant.from_bytes(minted.chain[-1]),
            key_id=minted.key_id,
            workflow_id=case.name,
            task_queue=agents.TASK_QUEUE,
        )
    except WorkflowAlreadyStartedError:
        # The server had it before it died; its answer was lost.
        return client.get_workflow_handle_for(agents.Agent.run, case.name)


def mint(case: Case) -> Any:
    """Return a warrant for ``case``, minted as alerts have theirs minted, under chaos' own policies."""
    from accounts.endorsements.queries import endorsed_keys
    from warrants.agents.services import ensure_agent
    from warrants.minting.contracts import Incident
    from warrants.minting.services import mint as mint_warrant
    from warrants.policies import release

    release.FOLDER = POLICIES
    incident = Incident(id=case.name, title="Chaos", severity="high", service="chaos", namespace="default")
    return mint_warrant(
        policy="chaos-one" if case.quorum == 1 else "chaos-two",
        incident=incident,
        agent=ensure_agent(name="incident-agent"),
        approvers=list(endorsed_keys().filter(person__username__in=PEOPLE)),
    )
