"""The Nexus handler of payments. Tenuo has verified the asking agent's warrant before anything here runs.

The warrant says what the agent may ask. Whether it is paid, this side's policy and people say: the payment gets a
warrant of its own, in this namespace, with this namespace's approvers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

from nexusrpc.handler import service_handler
from temporalio import nexus
from temporalio.common import WorkflowIDReusePolicy

from audit.statements.place import is_bound_to
from audit.statements.terms import terms_of
from warrants.minting.contracts import MintedWarrant
from warrants.policies.queries import load
from workers.gates.tenuo_internals import warrant_of_operation
from workers.nexus.actions import BadArguments, fitted
from workers.nexus.admission import Asker, Refusal, Refused, warrant_for
from workers.nexus.service import admitted, handler_error, operation_workflow_id, under
from workers.payments.contracts import (
    PAYMENTS_TASK_QUEUE,
    TOOL,
    AdmittedPayment,
    PaymentOrder,
    PaymentResult,
    Payments,
)
from workers.payments.workflow import PaymentWorkflow

MAXIMUM_REASONING = 20_000


@dataclass(frozen=True, slots=True)
class Admission:
    """A payment with its warrant, ready to start."""

    payment: AdmittedPayment
    warrant: MintedWarrant


@service_handler(service=Payments)
class PaymentsHandler:
    """Takes orders through one endpoint, whose policy is this team's, under warrants of the namespaces ``callers``.

    All environments may have one issuer: a warrant of staging must not pay in production.
    """

    def __init__(self, asker: Asker, *, callers: Collection[str]) -> None:
        self._asker, self._callers = asker, frozenset(callers)

    @nexus.workflow_run_operation(name="start-payment")
    async def start_payment(
        self, ctx: nexus.WorkflowRunOperationContext, order: PaymentOrder
    ) -> nexus.WorkflowHandle[PaymentResult]:
        """Start the workflow that pays. The same operation pays once, however often it is started."""
        agents_warrant = warrant_of_operation()
        if not any(is_bound_to([agents_warrant], namespace) for namespace in self._callers):
            raise handler_error(
                Refusal.UNAUTHORIZED, "The warrant is not for a namespace whose agents may ask for payments."
            )
        workflow_id = operation_workflow_id(ctx)
        barred = terms_of([agents_warrant]).barred_people
        admission = await admitted(admit, self._asker, order, workflow_id, agents_warrant.id, barred)
        async with under(admission.warrant):
            return await ctx.start_workflow(
                PaymentWorkflow.run,
                admission.payment,
                id=workflow_id,
                task_queue=PAYMENTS_TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )


def admit(
    asker: Asker, order: PaymentOrder, workflow_id: str, asked_by: str, barred_people: tuple[str, ...]
) -> Admission:
    """Return the payment with a warrant of its own. For whom the agent acts does not approve. Raises ``Refused``."""
    policy = load(asker.policy)
    if len(order.reasoning) > MAXIMUM_REASONING:
        raise Refused(Refusal.BAD_REQUEST, f"reasoning must be {MAXIMUM_REASONING} characters at most.")
    try:
        fitted(policy.tools[TOOL], {name: value for name, value in asdict(order).items() if name != "reasoning"})
    except BadArguments as error:
        raise Refused(Refusal.BAD_REQUEST, str(error)) from error
    warrant = warrant_for(asker, policy, title="A payment", workflow_id=workflow_id, barred_people=barred_people)
    return Admission(AdmittedPayment(order, asked_by, max(policy.lifetimes.values())), warrant)
