"""A run's history as steps: what Temporal keeps in plain, and the payloads beside it unopened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from workers.gates.tenuo_internals import HEADER_PREFIX
from workers.incident.contracts import CALL_MODEL_ACTIVITY
from workers.timeline.contracts import Step, StepState

# What Countersign's own plugin asks of Countersign: the ledger tells of that.
_OWN = "countersign."
_DEPTH = 10


def steps_of(run_id: str, events: Iterable[HistoryEvent]) -> list[Step]:
    """Return the model calls and guarded calls of a run, in the order in which they were scheduled.

    An activity without a warrant that is not the model's is neither, and left out.
    """
    steps: dict[int, Step] = {}
    for event in events:
        kind = event.WhichOneof("attributes")
        if kind == "activity_task_scheduled_event_attributes":
            step = _scheduled(run_id, event)
            if step is not None:
                steps[event.event_id] = step
        elif kind and kind.startswith("activity_task_"):
            attributes = getattr(event, kind)
            known = steps.get(getattr(attributes, "scheduled_event_id", 0))
            if known is not None:
                _follow(known, event, kind)
    return list(steps.values())


def _scheduled(run_id: str, event: HistoryEvent) -> Step | None:
    attributes = event.activity_task_scheduled_event_attributes
    name = attributes.activity_type.name
    is_model = name == CALL_MODEL_ACTIVITY
    is_guarded = any(key.startswith(HEADER_PREFIX) for key in attributes.header.fields)
    if name.startswith(_OWN) or not (is_model or is_guarded):
        return None
    return Step(
        run_id=run_id,
        activity_id=attributes.activity_id,
        event_id=event.event_id,
        name=name,
        at=_time(event),
        is_model=is_model,
        inputs=list(attributes.input.payloads),
    )


def _follow(step: Step, event: HistoryEvent, kind: str) -> None:
    match kind:
        case "activity_task_started_event_attributes":
            started = event.activity_task_started_event_attributes
            step.attempts = started.attempt
            if started.HasField("last_failure"):
                _fail(step, started.last_failure)
            return
        case "activity_task_completed_event_attributes":
            step.state = StepState.ANSWERED
            step.results = list(event.activity_task_completed_event_attributes.result.payloads)
        case "activity_task_failed_event_attributes":
            step.state = StepState.FAILED
            _fail(step, event.activity_task_failed_event_attributes.failure)
        case "activity_task_timed_out_event_attributes":
            step.state = StepState.TIMED_OUT
            _fail(step, event.activity_task_timed_out_event_attributes.failure)
        case "activity_task_canceled_event_attributes":
            step.state = StepState.CANCELLED
        case _:
            return
    step.ended_at = _time(event)


def _fail(step: Step, failure: Failure) -> None:
    for found in _chain(failure):
        kind = found.application_failure_info.type
        if kind and kind not in step.error_types:
            step.error_types.append(kind)
        step.errors.append(_text_of(found))


def _chain(failure: Failure) -> Iterator[Failure]:
    for _ in range(_DEPTH):
        yield failure
        if not failure.HasField("cause"):
            return
        failure = failure.cause


def _text_of(failure: Failure) -> Payload:
    if failure.HasField("encoded_attributes"):
        return failure.encoded_attributes
    return Payload(metadata={"encoding": b"text/plain"}, data=failure.message.encode())


def _time(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
