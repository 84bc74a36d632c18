"""The workflow behind ``request-approval``: make the gated call, and tell what people signed about it.

It runs under a warrant that Countersign minted for this one question, through the gate like any agent. The caller
waits for its result; cancelling the operation cancels it, and the gate withdraws the request.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from approvals.contracts import APPROVAL_DENIED, APPROVAL_EXPIRED, APPROVALS_TASK_QUEUE
    from workers.answers.contracts import (
        DESCRIBE_ACTIVITY,
        AdmittedQuestion,
        AnswerOutcome,
        ApprovalAnswer,
        ApprovalAsked,
        Question,
        RunAddress,
    )
    from workers.gates.reasoning import because
    from workers.gates.tenuo_internals import without_warrant

_ENDS = {APPROVAL_DENIED: AnswerOutcome.DENIED, APPROVAL_EXPIRED: AnswerOutcome.EXPIRED}


@workflow.defn(name="countersign.request_approval")
class ApprovalWorkflow:
    """Asks people about one action of a team elsewhere."""

    @workflow.run
    async def run(self, admitted: AdmittedQuestion) -> ApprovalAnswer:
        asked = admitted.asked
        outcome = await self._ask(admitted)
        question = await describe_decision(admitted.arguments)
        if outcome is AnswerOutcome.APPROVED and question is None:
            outcome = AnswerOutcome.NOT_NEEDED
        return ApprovalAnswer(outcome, asked.action, admitted.arguments, asked.reference, question)

    async def _ask(self, admitted: AdmittedQuestion) -> AnswerOutcome:
        try:
            with because(words_of(admitted.asked)):
                await workflow.execute_activity(
                    admitted.asked.action,
                    args=[admitted.arguments[name] for name in admitted.names],
                    result_type=str,
                    start_to_close_timeout=timedelta(seconds=30),
                    schedule_to_close_timeout=timedelta(seconds=admitted.lifetime_seconds),
                )
        except (ActivityError, ApplicationError) as error:
            cause = error if isinstance(error, ApplicationError) else error.cause
            if is_cancelled_exception(error) or not isinstance(cause, ApplicationError):
                raise
            if cause.type in _ENDS:
                return _ENDS[cause.type]
            # Without its cause: the caller gets what is wrong, not where in our code.
            raise ApplicationError(cause.message, type=cause.type, non_retryable=True) from None
        return AnswerOutcome.APPROVED


def words_of(asked: ApprovalAsked) -> str:
    """Return what people read as the caller's own words."""
    named = f"Reference: {asked.reference}" if asked.reference else ""
    return "\n\n".join(text for text in (named, asked.reasoning) if text)


async def describe_decision(arguments: dict[str, Any]) -> Question | None:
    """Return what people were asked by this run, and what they signed; None if nobody was."""
    info = workflow.info()
    with without_warrant():
        return await workflow.execute_activity(
            DESCRIBE_ACTIVITY,
            RunAddress(info.namespace, info.workflow_id, info.run_id, arguments),
            task_queue=APPROVALS_TASK_QUEUE,
            result_type=Question | None,  # type: ignore[arg-type]
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=10)),
        )
