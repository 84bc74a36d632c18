"""A run's history in plain words: what the model was asked, what it wanted, who decided, what came of it. Pure.

Told from the history alone, so that it says what happened then, whatever the code does now. Signatures are checked
here; whether their keys were trusted is for ``audit.verify`` to say.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, FailureError

from approvals.contracts import (
    DECISION_SIGNAL,
    OPEN_REQUEST_ACTIVITY,
    REPORT_OUTCOME_ACTIVITY,
    Decision,
    GateRequest,
    Outcome,
)
from approvals.signing import approval, denial
from audit.statements.statements import MalformedStatement
from workers.incident.contracts import CALL_MODEL_ACTIVITY, ModelAnswer, ModelRequest
from workers.narration import one_line

# What carries reports to the application and says nothing that is not told elsewhere.
_QUIET = ("countersign.",)
_TEXT = 300


@dataclass(frozen=True, slots=True)
class Told:
    """One line: when, and what."""

    at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC  {self.text}"


class Unreadable(Exception):
    """A payload cannot be read: its key is missing, or it is not what it should be."""


async def tell(history: History, converter: DataConverter) -> AsyncIterator[Told]:
    """Return what the history says, in order. Raises ``Unreadable`` where a payload does not open."""
    calls = _Calls(converter)
    seen: set[str] = set()
    for event in history.events:
        at = event.event_time.ToDatetime(UTC)
        async for text in _of(event, calls, seen):
            yield Told(at, one_line(text))


async def _of(event: HistoryEvent, calls: _Calls, seen: set[str]) -> AsyncIterator[str]:
    kind = event.WhichOneof("attributes")
    match kind:
        case "activity_task_scheduled_event_attributes":
            async for text in calls.scheduled(event):
                yield text
        case "activity_task_started_event_attributes":
            calls.started(event)
        case "activity_task_completed_event_attributes":
            async for text in calls.completed(event):
                yield text
        case "activity_task_failed_event_attributes":
            done = event.activity_task_failed_event_attributes
            yield await calls.failed(done.scheduled_event_id, done.failure)
        case "activity_task_timed_out_event_attributes":
            late = event.activity_task_timed_out_event_attributes
            yield await calls.failed(late.scheduled_event_id, late.failure)
        case "activity_task_canceled_event_attributes":
            yield f"{calls.name(event.activity_task_canceled_event_attributes.scheduled_event_id)}: cancelled"
        case "workflow_execution_signaled_event_attributes":
            signal = event.workflow_execution_signaled_event_attributes
            if signal.signal_name == DECISION_SIGNAL:
                for text in _decided(await calls.value(signal.input.payloads, Decision), seen):
                    yield text
            else:
                yield f"signal {signal.signal_name}"
        case "workflow_execution_failed_event_attributes":
            failure = event.workflow_execution_failed_event_attributes.failure
            yield f"the run failed: {await calls.reason(failure)}"
        case "workflow_execution_terminated_event_attributes":
            why = event.workflow_execution_terminated_event_attributes.reason
            yield f"the run was terminated: {why or 'no reason given'}"
        case _ if kind in _ENDS:
            yield _ENDS[kind]


_ENDS = {
    "workflow_execution_started_event_attributes": "the run began",
    "workflow_execution_completed_event_attributes": "the run completed",
    "workflow_execution_canceled_event_attributes": "the run was cancelled",
    "workflow_execution_timed_out_event_attributes": "the run ran out of its time",
    "workflow_execution_continued_as_new_event_attributes": "the run went on as a new run",
}


class _Calls:
    """The activities of a history, by the event that scheduled each."""

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._names: dict[int, str] = {}
        self._attempts: dict[int, int] = {}
        self._errors: dict[int, Failure] = {}

    def name(self, scheduled: int) -> str:
        return self._names.get(scheduled, "a call")

    def started(self, event: HistoryEvent) -> None:
        started = event.activity_task_started_event_attributes
        self._attempts[started.scheduled_event_id] = started.attempt
        if started.HasField("last_failure"):
            self._errors[started.scheduled_event_id] = started.last_failure

    async def scheduled(self, event: HistoryEvent) -> AsyncIterator[str]:
        call = event.activity_task_scheduled_event_attributes
        self._names[event.event_id] = call.activity_type.name
        match call.activity_type.name:
            case name if name == CALL_MODEL_ACTIVITY:
                request = await self.value(call.input.payloads, ModelRequest)
                so_far = _count(len(request.steps), "call")
                yield f"the model is asked about {request.brief.incident_id}, with {so_far} so far"
            case name if name == OPEN_REQUEST_ACTIVITY:
                asked = await self.value(call.input.payloads, GateRequest)
                again = f", again after {asked.supersedes} ({asked.why_again})" if asked.supersedes else ""
                yield f"people are asked about {asked.tool} ({asked.request_id}{again}); {_because(asked.reasoning)}"
            case name if name == REPORT_OUTCOME_ACTIVITY:
                outcome = await self.value(call.input.payloads, Outcome)
                why = ": ".join(text for text in (outcome.error_type, _short(outcome.detail)) if text)
                yield f"outcome of {outcome.request_id}: {outcome.status}{f' ({why})' if why else ''}"
            case name if not name.startswith(_QUIET):
                values = await self.values(call.input.payloads)
                yield f"{name} is called with {_short(', '.join(repr(value) for value in values)) or 'nothing'}"

    async def completed(self, event: HistoryEvent) -> AsyncIterator[str]:
        done = event.activity_task_completed_event_attributes
        name = self.name(done.scheduled_event_id)
        if name == CALL_MODEL_ACTIVITY:
            answer = await self.value(done.result.payloads, ModelAnswer)
            yield f"the model answers: {_answer(answer)}{await self._retries(done.scheduled_event_id)}"
        elif not name.startswith(_QUIET):
            values = await self.values(done.result.payloads)
            result = _short(", ".join(str(value) for value in values))
            yield f"{name}: done{await self._retries(done.scheduled_event_id)}. {result}"

    async def failed(self, scheduled: int, failure: Failure) -> str:
        return f"{self.name(scheduled)}: {await self.reason(failure)}{await self._retries(scheduled)}"

    async def _retries(self, scheduled: int) -> str:
        attempts = self._attempts.get(scheduled, 1)
        if attempts < 2:
            return ""
        last = self._errors.get(scheduled)
        why = f"; the one before failed: {await self.reason(last)}" if last else ""
        return f" (at attempt {attempts}{why})"

    async def reason(self, failure: Failure) -> str:
        """Return a failure's own words and those of what caused it."""
        try:
            error: BaseException | None = await self._converter.decode_failure(failure)
        except Exception as unreadable:
            raise Unreadable("A failure in this history cannot be read.") from unreadable
        while isinstance(error, FailureError) and not isinstance(error, ApplicationError) and error.cause is not None:
            error = error.cause
        kind = error.type if isinstance(error, ApplicationError) and error.type else type(error).__name__
        words = error.message if isinstance(error, FailureError) else str(error)
        return f"{kind}: {_short(words)}"

    async def value(self, payloads: Sequence[Payload], kind: type[Any]) -> Any:
        (value,) = await self.values(payloads, [kind]) or [None]
        if not isinstance(value, kind):
            raise Unreadable(f"A {kind.__name__} in this history cannot be read.")
        return value

    async def values(self, payloads: Iterable[Payload], kinds: list[type] | None = None) -> list[Any]:
        try:
            return await self._converter.decode(list(payloads), kinds)
        except Exception as unreadable:
            raise Unreadable(
                "A payload in this history cannot be read: its key is missing, or it was changed."
            ) from unreadable


def _answer(answer: ModelAnswer) -> str:
    wanted = f"{answer.tool} {_short(answer.arguments_json)}" if answer.tool else "no call"
    words = f", saying: {_short(answer.text)}" if answer.text else ""
    call = answer.call
    if call is None:
        return f"{wanted}{words} (who answered was not kept then)"
    answer_id = f", answer {call.request_id}" if call.request_id else ""
    sent = f", {_count(call.messages, 'message')} sent, digest {call.sent_sha256[:12]}" if call.sent_sha256 else ""
    return f"{wanted}{words} ({call.provider}: {call.model or call.asked_for}{answer_id}{sent})"


def _because(reasoning: str) -> str:
    return f"the agent said: {_short(reasoning)}" if reasoning else "the agent did not say why"


def _decided(decision: Decision, seen: set[str]) -> Iterable[str]:
    """Return who decided, when and why; a signature that was told already is not told again."""
    for texts, told in ((decision.approvals, _approval), (decision.denials, _denial)):
        for text in texts:
            if text not in seen:
                seen.add(text)
                yield f"{decision.request_id}: {_checked(text, told)}"


def _checked(text: str, told: Callable[[bytes], str]) -> str:
    try:
        return told(base64.b64decode(text, validate=True))
    except (ValueError, MalformedStatement):
        return "somebody sent a signature that is not genuine"


def _approval(data: bytes) -> str:
    signed = approval.parse(data)
    signed.verify()
    terms = signed.terms
    return f"approved by {terms.external_id} at {_time(terms.approved_at)}{_signed(signed.approver_key, terms.reason)}"


def _denial(data: bytes) -> str:
    signed = denial.parse(data)
    signed.verify()
    return f"denied by {signed.external_id} at {_time(signed.denied_at)}{_signed(signed.approver_key, signed.reason)}"


def _signed(key: bytes, reason: str) -> str:
    return f", signed with key {hashlib.sha256(key).hexdigest()[:8]}: {reason or 'no reason given'}"


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"


def _short(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
