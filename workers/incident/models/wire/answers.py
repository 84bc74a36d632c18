"""Reading a provider's answer: strictly, bounded, and with errors that quote nothing of it. Pure."""

from __future__ import annotations

import json
import re
from typing import TypeVar

from workers.incident.calls import cut
from workers.incident.contracts import ARGUMENTS_CHARACTERS, REASONING_CHARACTERS, ModelAnswer
from workers.incident.models.errors import ModelAnswerInvalid

Kind = TypeVar("Kind")
MAXIMUM_DEPTH = 20
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def member(value: object, name: str, kind: type[Kind], where: str) -> Kind:
    """Return ``value[name]``. Raises ``ModelAnswerInvalid`` unless it is there and of ``kind``."""
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise ModelAnswerInvalid(f"The model's answer has no usable {where}.")
    return found


def closing_words(text: str) -> ModelAnswer:
    if not text.strip():
        raise ModelAnswerInvalid("The model's answer has neither a call nor words.")
    return ModelAnswer(text=plain(text))


def wanted_call(text: str, name: str, arguments: object) -> ModelAnswer:
    """Return the call as an answer; ``arguments`` is an object, or its JSON text."""
    if not _TOOL_NAME.fullmatch(name):
        raise ModelAnswerInvalid("The model's answer names its tool with characters that no tool's name has.")
    if isinstance(arguments, str):
        arguments = _parsed(arguments)
    if not isinstance(arguments, dict):
        raise ModelAnswerInvalid("The arguments in the model's answer are not a JSON object.")
    if _depth(arguments) > MAXIMUM_DEPTH:
        raise ModelAnswerInvalid("The arguments in the model's answer are nested too deeply.")
    try:
        arguments_json = json.dumps(arguments, allow_nan=False, ensure_ascii=False)
        arguments_json.encode()  # half a surrogate pair could not travel on
    except ValueError:
        raise ModelAnswerInvalid("The arguments in the model's answer are no plain JSON.") from None
    if len(arguments_json) > ARGUMENTS_CHARACTERS:
        raise ModelAnswerInvalid(f"The arguments in the model's answer exceed {ARGUMENTS_CHARACTERS} characters.")
    return ModelAnswer(text=plain(text), tool=name, arguments_json=arguments_json)


def plain(text: str) -> str:
    """Return ``text`` bounded and storable: no half surrogate pairs, no NUL."""
    storable = text[: REASONING_CHARACTERS + 1].encode("utf-8", "replace").decode().replace("\0", "\ufffd").strip()
    return cut(storable, REASONING_CHARACTERS)


def _parsed(text: str) -> object:
    if len(text) > ARGUMENTS_CHARACTERS:
        raise ModelAnswerInvalid(f"The arguments in the model's answer exceed {ARGUMENTS_CHARACTERS} characters.")
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise ModelAnswerInvalid("The arguments in the model's answer are not JSON.") from None


def _depth(value: object) -> int:
    """Return how deeply ``value`` is nested, counted no further than is of interest."""
    level: list[object] = [value]
    for depth in range(MAXIMUM_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            inner += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        if not inner:
            return depth
        level = inner
    return MAXIMUM_DEPTH + 1
