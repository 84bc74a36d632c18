"""Anthropic's Messages API with tools (version 2023-06-01)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from workers.incident.calls import SPECS
from workers.incident.contracts import ModelAnswer, ModelRequest, OutcomeKind, Step
from workers.incident.models import prompt
from workers.incident.models.errors import ModelAnswerInvalid
from workers.incident.models.wire.answers import closing_words, member, wanted_call
from workers.incident.models.wire.http import post_json
from workers.incident.models.wire.records import record_of

MAXIMUM_TOKENS = 2048


@dataclass(frozen=True)
class AnthropicMessages:
    base_url: str
    model: str
    key: str = field(repr=False)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        headers = {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        body = body_for(request, self.model)
        data = await post_json(f"{self.base_url}/v1/messages", headers=headers, body=body)
        return replace(read_answer(data), call=record_of("anthropic", body, data))


def body_for(request: ModelRequest, model: str) -> dict[str, object]:
    messages: list[dict[str, object]] = [{"role": "user", "content": prompt.opening(request.brief)}]
    for position, step in enumerate(request.steps):
        messages += _messages_of(position, step)
    return {
        "model": model,
        "max_tokens": MAXIMUM_TOKENS,
        "system": prompt.SYSTEM,
        "messages": messages,
        "tools": [
            {"name": spec.name, "description": spec.description, "input_schema": prompt.parameters_schema(spec)}
            for spec in SPECS.values()
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    }


def _messages_of(position: int, step: Step) -> list[dict[str, object]]:
    # The API refuses empty text blocks.
    words: list[dict[str, object]] = [{"type": "text", "text": step.reasoning}] if step.reasoning else []
    call = {
        "type": "tool_use",
        "id": prompt.call_id(position),
        "name": step.tool,
        "input": json.loads(step.arguments_json),
    }
    result = {
        "type": "tool_result",
        "tool_use_id": prompt.call_id(position),
        "content": prompt.result_text(step),
        "is_error": step.outcome != OutcomeKind.OK,
    }
    return [{"role": "assistant", "content": [*words, call]}, {"role": "user", "content": [result]}]


def read_answer(data: object) -> ModelAnswer:
    """Return the first call of an answer with its words, or its words. Raises ``ModelAnswerInvalid``.

    One call at a time was asked for; should there be more, the model can ask for them again.
    """
    blocks = member(data, "content", list, "content")
    stopped_by = member(data, "stop_reason", str, "stop reason")
    if stopped_by not in ("end_turn", "tool_use", "stop_sequence"):
        raise ModelAnswerInvalid("The model's answer broke off before its end.")
    texts: list[str] = []
    for block in blocks:
        kind = member(block, "type", str, "content block")
        if kind == "text":
            texts.append(member(block, "text", str, "text block"))
        elif kind == "tool_use":
            arguments = member(block, "input", dict, "tool input")
            return wanted_call("\n".join(texts), member(block, "name", str, "tool name"), arguments)
    return closing_words("\n".join(texts))
