"""Opening a timeline's payloads for a person: the ledger says so first, then they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter

from workers.codec_server.services import Caller, decode
from workers.incident.contracts import ModelAnswer, ModelCall, ModelRequest
from workers.incident.models import prompt
from workers.timeline.contracts import Content, Message, Step

# An entry of the ledger holds a digest of each.
MAXIMUM_PAYLOADS = 600
MAXIMUM_CHARACTERS = 20_000
UNREADABLE = "This could not be read: its bytes are no text that is known here."
_CONVERTER = PayloadConverter.default
_AGENT, _RESULT = "The model, before", "What the call brought"


def open_steps(*, caller: Caller, namespace: str, steps: Sequence[Step]) -> tuple[dict[int, Content], bool]:
    """Return what ``steps`` say by their positions, and whether that is all of them.

    One entry of the ledger tells of all of it. Raises ``CodecServerError``.
    """
    chosen, count = [], 0
    for position, step in enumerate(steps):
        count += len(_payloads(step))
        if count > MAXIMUM_PAYLOADS:
            break
        chosen.append(position)
    opened = iter(
        decode(caller=caller, namespace=namespace, payloads=[p for at in chosen for p in _payloads(steps[at])])
    )
    contents: dict[int, Content] = {}
    told: dict[str, int] = {}
    for position in chosen:
        step = steps[position]
        inputs = [next(opened) for _ in step.inputs]
        results = [next(opened) for _ in step.results]
        # A failure that was passed on says the same at every step of its way.
        errors = list(dict.fromkeys(_error(next(opened)) for _ in step.errors))
        contents[position] = (
            _model(step, inputs, results, errors, told) if step.is_model else _call(inputs, results, errors)
        )
    return contents, len(chosen) == len(steps)


def _payloads(step: Step) -> list[Payload]:
    return [*step.inputs, *step.results, *step.errors]


def _model(
    step: Step, inputs: list[Payload], results: list[Payload], errors: list[str], told: dict[str, int]
) -> Content:
    messages = _messages(inputs)
    seen = told.get(step.run_id, 0)
    told[step.run_id] = len(messages)
    answer = _as(results, ModelAnswer)
    if answer is None:
        answer = ModelAnswer("\n".join(_plain(payload) for payload in results))
    call = answer.call or ModelCall(provider="", asked_for="")
    return Content(
        told=messages[seen:],
        told_before=messages[:seen],
        model=call.asked_for,
        version=call.model,
        instructions=_cut(call.instructions),
        answer=_cut(answer.text),
        tool=answer.tool,
        arguments=_cut(answer.arguments_json) if answer.tool else "",
        errors=errors,
    )


def _call(inputs: list[Payload], results: list[Payload], errors: list[str]) -> Content:
    return Content(
        arguments=_cut(", ".join(_plain(payload) for payload in inputs)),
        result=_cut("\n".join(_plain(payload) for payload in results)),
        errors=errors,
    )


def _messages(inputs: list[Payload]) -> list[Message]:
    request = _as(inputs, ModelRequest)
    if request is None:
        return [Message("Input", _cut(_plain(payload))) for payload in inputs]
    messages = [Message("What the agent was told", prompt.opening(request.brief))]
    for step in request.steps:
        messages.append(Message(_AGENT, _cut(f"{step.reasoning}\n{step.tool} {step.arguments_json}".strip())))
        messages.append(Message(_RESULT, _cut(prompt.result_text(step))))
    return messages


def _as(payloads: list[Payload], kind: type[Any]) -> Any:
    """Return the one value of ``payloads`` as ``kind``; None if it is none."""
    try:
        (value,) = _CONVERTER.from_payloads(payloads, [kind])
        return value if isinstance(value, kind) else None
    except Exception:
        # Another agent's messages, in whatever form it gave them.
        return None


def _error(payload: Payload) -> str:
    text = _plain(payload)
    try:
        return _cut(str(json.loads(text)["message"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return _cut(text)


def _plain(payload: Payload) -> str:
    try:
        return payload.data.decode()
    except UnicodeDecodeError:
        return f"{UNREADABLE} {len(payload.data)} bytes, SHA-256 {hashlib.sha256(payload.data).hexdigest()[:16]}"


def _cut(text: str) -> str:
    return text if len(text) <= MAXIMUM_CHARACTERS else f"{text[:MAXIMUM_CHARACTERS]}… ({len(text)} characters)"
