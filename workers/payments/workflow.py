"""Both ends of a payment: the agent that asks for it, and the workflow behind the operation that makes it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from tenuo.temporal import tenuo_execute_nexus_operation

    from approvals.contracts import APPROVAL_DENIED, APPROVAL_EXPIRED
    from workers.answers.contracts import Question
    from workers.gates.reasoning import because
    from workers.nexus.workflow import describe_decision
    from workers.payments.contracts import (
        ENDPOINT,
        TOOL,
        AdmittedPayment,
        PaymentOrder,
        PaymentRecord,
        PaymentResult,
        Payments,
        PaymentStatus,
    )

_ENDS = {APPROVAL_DENIED: PaymentStatus.DENIED, APPROVAL_EXPIRED: PaymentStatus.EXPIRED}
LONGEST_WAIT = timedelta(hours=2)


@workflow.defn
class PaymentAgentWorkflow:
    """The finance agent: asks the payments team for a payment under its own warrant, and waits for the result."""

    @workflow.run
    async def run(self, order: PaymentOrder) -> PaymentResult:
        client = workflow.create_nexus_client(service=Payments, endpoint=ENDPOINT)
        result: PaymentResult = await tenuo_execute_nexus_operation(
            client, Payments.start_payment, order, schedule_to_close_timeout=LONGEST_WAIT
        )
        return result


@workflow.defn
class PaymentWorkflow:
    """Makes one payment of an operation, under a warrant of the payments team."""

    @workflow.run
    async def run(self, admitted: AdmittedPayment) -> PaymentResult:
        order = admitted.order
        values = [order.payee, order.amount_cents, order.currency, order.reference]
        status, record = PaymentStatus.PAID, None
        try:
            with because(_words(admitted)):
                record = await workflow.execute_activity(
                    TOOL,
                    args=values,
                    result_type=PaymentRecord,
                    start_to_close_timeout=timedelta(seconds=30),
                    schedule_to_close_timeout=timedelta(seconds=admitted.lifetime_seconds),
                    # Whoever cancels learns whether it was paid.
                    cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                )
        except (ActivityError, ApplicationError) as error:
            status = _end(error)
        arguments = dict(zip(("payee", "amount_cents", "currency", "reference"), values, strict=True))
        # Its type is imported here, since the sandbox looks for the names of its fields among this module's imports.
        question: Question | None = await describe_decision(arguments)
        return PaymentResult(status, record, question)


def _words(admitted: AdmittedPayment) -> str:
    return f"Asked for under warrant {admitted.asked_by}, in the agent's words:\n\n{admitted.order.reasoning}"


def _end(error: ActivityError | ApplicationError) -> PaymentStatus:
    cause = error if isinstance(error, ApplicationError) else error.cause
    if is_cancelled_exception(error) or not isinstance(cause, ApplicationError):
        raise error
    if cause.type in _ENDS:
        return _ENDS[cause.type]
    # Without its cause: the asking side gets what is wrong, not where in this team's code.
    raise ApplicationError(cause.message, type=cause.type, non_retryable=True) from None
