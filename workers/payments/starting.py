"""Starting the finance agent on one invoice, under a warrant of its own."""

from __future__ import annotations

from datetime import timedelta

from asgiref.sync import sync_to_async
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from tenuo.temporal import TenuoClientInterceptor

from accounts.endorsements.queries import endorsed_keys
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.queries import minted_for
from warrants.minting.services import mint
from warrants.policies.queries import load
from workers.nexus.crew import with_interceptors
from workers.nexus.service import under
from workers.payments.contracts import AGENT, AGENT_POLICY, AGENT_TASK_QUEUE, PaymentOrder, PaymentResult
from workers.payments.workflow import PaymentAgentWorkflow

_RPC_TIMEOUT = timedelta(seconds=5)


async def start_payment_agent(
    *, client: Client, invoice: str, order: PaymentOrder, barred_people: tuple[str, ...] = ()
) -> WorkflowHandle[PaymentAgentWorkflow, PaymentResult]:
    """Start the agent that asks payments for ``order``; ``client`` is a plain one of the agent's namespace.

    ``barred_people`` are those for whom the agent acts: they approve nothing of it, in payments neither. The same
    invoice starts one agent. Raises ``WarrantError``, and ``WorkflowAlreadyStartedError`` for an invoice that has one.
    """
    warrant = await sync_to_async(_warrant)(invoice, client.namespace, barred_people)
    async with under(warrant):
        return await with_interceptors(client, [TenuoClientInterceptor()]).start_workflow(
            PaymentAgentWorkflow.run,
            order,
            id=f"invoice-{invoice}",
            task_queue=AGENT_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            rpc_timeout=_RPC_TIMEOUT,
        )


def _warrant(invoice: str, namespace: str, barred_people: tuple[str, ...]) -> MintedWarrant:
    earlier = minted_for(incident_id=invoice, policy=AGENT_POLICY)
    if earlier is not None:
        return earlier
    return mint(
        policy=AGENT_POLICY,
        incident=Incident(
            id=invoice,
            title="An invoice to pay",
            severity="invoice",
            service="finance",
            namespace=namespace,
            barred_people=barred_people,
        ),
        agent=ensure_agent(name=AGENT),
        approvers=list(endorsed_keys(endorsers=load(AGENT_POLICY).endorsers, namespace=namespace)),
    )
