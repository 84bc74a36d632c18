"""The incident agent: an ordinary agent loop on Temporal.

It knows nothing of approvals. A call that needs a person simply takes as long as the person takes,
and a call that is refused comes back as a failed activity, which the model is told like any result.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from approvals.contracts import APPROVAL_DENIED, APPROVAL_EXPIRED
    from workers.gates.errors import DENIAL_TYPES
    from workers.gates.reasoning import because
    from workers.gates.tenuo_internals import without_warrant
    from workers.incident.calls import SPECS, CallRefused, Scalar, arguments_for, cut, denial_text
    from workers.incident.contracts import (
        CALL_MODEL_ACTIVITY,
        DETAIL_CHARACTERS,
        MAXIMUM_TURNS,
        MODEL_TASK_QUEUE,
        RESULT_CHARACTERS,
        FinalStatus,
        IncidentBrief,
        IncidentReport,
        ModelAnswer,
        ModelRequest,
        OutcomeKind,
        Step,
    )

# A call may wait for people, a model call for a busy provider; one attempt of either is short.
WAITING_FOR_PEOPLE = timedelta(hours=6)
MODEL_RETRIES = RetryPolicy(maximum_attempts=5)
READ_RETRIES = RetryPolicy(maximum_attempts=3)
# A change whose attempt was cut off may have happened: the model is told, nothing repeats it.
CHANGE_RETRIES = RetryPolicy(maximum_attempts=1)


@workflow.defn
class IncidentWorkflow:
    """Works on one incident: ask the model, make the call it wants, tell it the result."""

    @workflow.run
    async def run(self, brief: IncidentBrief) -> IncidentReport:
        steps: list[Step] = []
        for _turn in range(MAXIMUM_TURNS):
            answer = await ask(ModelRequest(brief, steps))
            if not answer.tool:
                return IncidentReport(FinalStatus.ANSWERED, answer.text, steps)
            steps.append(await act(answer))
        return IncidentReport(FinalStatus.OUT_OF_TURNS, f"Stopped after {MAXIMUM_TURNS} calls.", steps)


async def ask(request: ModelRequest) -> ModelAnswer:
    # The model is no tool: it goes to a worker that holds no warrant, and needs none.
    with without_warrant():
        return await workflow.execute_activity(
            CALL_MODEL_ACTIVITY,
            request,
            task_queue=MODEL_TASK_QUEUE,
            result_type=ModelAnswer,
            start_to_close_timeout=timedelta(minutes=2),
            schedule_to_close_timeout=timedelta(minutes=15),
            retry_policy=MODEL_RETRIES,
        )


async def act(answer: ModelAnswer) -> Step:
    """Make the call the model wants. Whatever comes of it is a step, never an error."""
    try:
        arguments = arguments_for(answer)
    except CallRefused as refusal:
        return _step(answer, OutcomeKind.REFUSED, refusal.sentence, refusal.code)
    try:
        with because(answer.text):
            result = await _dispatch(answer.tool, arguments)
    except (ActivityError, ApplicationError) as error:
        if is_cancelled_exception(error):
            raise
        return _failed_step(answer, error)
    return _step(answer, OutcomeKind.OK, cut(result, RESULT_CHARACTERS))


async def _dispatch(tool: str, arguments: list[Scalar]) -> str:
    return await workflow.execute_activity(
        tool,
        args=arguments,
        result_type=str,
        start_to_close_timeout=timedelta(seconds=30),
        schedule_to_close_timeout=WAITING_FOR_PEOPLE,
        retry_policy=CHANGE_RETRIES if SPECS[tool].changes_things else READ_RETRIES,
    )


def _failed_step(answer: ModelAnswer, error: ActivityError | ApplicationError) -> Step:
    cause = error if isinstance(error, ApplicationError) else error.cause
    if isinstance(cause, ApplicationError):
        code = cause.type or "error"
        text = denial_text(cause.message, cause.details) if code == APPROVAL_DENIED else cause.message
        return _step(answer, _outcome_of(code), cut(text, DETAIL_CHARACTERS), code)
    if isinstance(cause, TimeoutError):
        text = "The call did not finish in time. It may or may not have had its effect."
        return _step(answer, OutcomeKind.FAILED, text, "timeout")
    return _step(answer, OutcomeKind.FAILED, "The call failed.", "error")


def _outcome_of(code: str) -> OutcomeKind:
    if code == APPROVAL_DENIED:
        return OutcomeKind.APPROVAL_DENIED
    if code == APPROVAL_EXPIRED:
        return OutcomeKind.APPROVAL_EXPIRED
    return OutcomeKind.DENIED if code in DENIAL_TYPES else OutcomeKind.FAILED


def _step(answer: ModelAnswer, outcome: OutcomeKind, text: str, code: str = "") -> Step:
    return Step(answer.tool, answer.arguments_json, answer.text, outcome, text, code)
