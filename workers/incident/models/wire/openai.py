"""OpenAI's chat completions with tools, as many other servers speak it too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from workers.incident.calls import SPECS
from workers.incident.contracts import ModelAnswer, ModelRequest, Step
from workers.incident.models import prompt
from workers.incident.models.errors import ModelAnswerInvalid
from workers.incident.models.wire.answers import closing_words, member, wanted_call
from workers.incident.models.wire.http import post_json
from workers.incident.models.wire.records import record_of


@dataclass(frozen=True)
class OpenAIChat:
    """``key`` may be empty for a server that wants none."""

    base_url: str
    model: str
    key: str = field(repr=False)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        body = body_for(request, self.model)
        data = await post_json(f"{self.base_url}/chat/completions", headers=headers, body=body)
        return replace(read_answer(data), call=record_of("openai", body, data))


def body_for(request: ModelRequest, model: str) -> dict[str, object]:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": prompt.SYSTEM},
        {"role": "user", "content": prompt.opening(request.brief)},
    ]
    for position, step in enumerate(request.steps):
        messages += _messages_of(position, step)
    return {
        "model": model,
        "messages": messages,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": spec.name,
                    "description": spec.description,
                    "parameters": prompt.parameters_schema(spec),
                },
            }
            for spec in SPECS.values()
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
    }


def _messages_of(position: int, step: Step) -> list[dict[str, object]]:
    call = {
        "id": prompt.call_id(position),
        "type": "function",
        "function": {"name": step.tool, "arguments": step.arguments_json},
    }
    return [
        {"role": "assistant", "content": step.reasoning or None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": prompt.call_id(position), "content": prompt.result_text(step)},
    ]


def read_answer(data: object) -> ModelAnswer:
    """Return the first call of an answer with its words, or its words. Raises ``ModelAnswerInvalid``.

    One call at a time was asked for; should there be more, the model can ask for them again.
    """
    choices = member(data, "choices", list, "choices")
    if not choices:
        raise ModelAnswerInvalid("The model's answer has no usable choices.")
    message = member(choices[0], "message", dict, "message")
    if choices[0].get("finish_reason") not in ("stop", "tool_calls", "function_call"):
        raise ModelAnswerInvalid("The model's answer broke off before its end.")
    text = message.get("content") or ""
    calls = message.get("tool_calls") or []
    if not isinstance(text, str) or not isinstance(calls, list):
        raise ModelAnswerInvalid("The model's answer has no usable message.")
    if not calls:
        return closing_words(text)
    function = member(calls[0], "function", dict, "function call")
    name = member(function, "name", str, "function name")
    return wanted_call(text, name, member(function, "arguments", str, "function arguments"))
