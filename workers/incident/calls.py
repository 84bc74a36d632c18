"""The agent's tools as it is told of them, and whether a call fits one. Pure.

The model is shown every tool that the worker has, dangerous ones too: what the agent may use is
for its warrant to say, at the worker, where it cannot be talked out of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.incident.contracts import ARGUMENT_CHARACTERS, ARGUMENTS_CHARACTERS, ModelAnswer

Scalar = str | int | float | bool
UNKNOWN_TOOL = "unknown_tool"
INVALID_ARGUMENTS = "invalid_arguments"


class CallRefused(Exception):
    """A call that cannot be dispatched. ``code`` is for programs, the sentence for the model."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class ToolSpec:
    """A tool: its parameters in declared order, each ``str`` or ``int``."""

    name: str
    description: str
    parameters: dict[str, type[str] | type[int]]
    changes_things: bool = True


SPECS: dict[str, ToolSpec] = {
    spec.name: spec
    for spec in (
        ToolSpec(
            "read_logs",
            "Read a service's log lines of the last minutes, with its deploys.",
            {"service": str, "minutes": int},
            changes_things=False,
        ),
        ToolSpec(
            "read_metrics",
            "Read one metric of a service: error_rate, db_connections, latency_p95 or request_rate.",
            {"service": str, "metric": str},
            changes_things=False,
        ),
        ToolSpec(
            "restart_service",
            "Restart every instance of a service in an environment (production or staging).",
            {"service": str, "environment": str},
        ),
        ToolSpec(
            "scale_service",
            "Set how many instances of a service run in an environment.",
            {"service": str, "environment": str, "replicas": int},
        ),
        ToolSpec("post_status", "Post an update to a chat channel.", {"channel": str, "text": str}),
        ToolSpec(
            "escalate",
            "Call more people, with a severity: low, medium, high or critical.",
            {"severity": str, "summary": str},
        ),
        ToolSpec("delete_database", "Delete a database with all its data.", {"name": str}),
        ToolSpec("modify_iam", "Give a principal a role.", {"principal": str, "role": str}),
        ToolSpec(
            "read_calendar",
            "Read the calendar of the person you work for: today or tomorrow.",
            {"day": str},
            changes_things=False,
        ),
        ToolSpec(
            "create_event",
            "Put an event into the calendar of the person you work for: today or tomorrow.",
            {"day": str, "title": str},
        ),
        ToolSpec(
            "open_ticket",
            "Open a ticket in the name of the person you work for, in the queue platform or database.",
            {"queue": str, "title": str},
        ),
    )
}


def arguments_for(answer: ModelAnswer) -> list[Scalar]:
    """Return the call's arguments in the tool's declared order.

    Raises ``CallRefused`` when there is no such tool or the arguments do not fit it.
    """
    spec = SPECS.get(answer.tool)
    if spec is None:
        raise CallRefused(UNKNOWN_TOOL, f"There is no tool named {answer.tool}. The tools are: {', '.join(SPECS)}.")
    given = _object(answer)
    missing = [name for name in spec.parameters if name not in given]
    if missing:
        raise _misfit(spec, f"it lacks {', '.join(missing)}")
    unknown = [name for name in given if name not in spec.parameters]
    if unknown:
        raise _misfit(spec, f"it has no parameter {', '.join(unknown)[:200]}")
    return [_argument(spec, name, given[name]) for name in spec.parameters]


def _object(answer: ModelAnswer) -> dict[str, object]:
    try:
        given = json.loads(answer.arguments_json[: ARGUMENTS_CHARACTERS + 1])
    except (ValueError, RecursionError):
        raise CallRefused(INVALID_ARGUMENTS, "The arguments are not a JSON object, or too long.") from None
    if not isinstance(given, dict):
        raise CallRefused(INVALID_ARGUMENTS, "The arguments must be a JSON object.")
    return given


def _argument(spec: ToolSpec, name: str, value: object) -> Scalar:
    kind = spec.parameters[name]
    if kind is str and isinstance(value, str):
        _check_text(spec, name, value)
        return value
    # True and False are ints to Python, but not to a tool.
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**63:
            raise _misfit(spec, f"{name} is out of range")
        return value
    raise _misfit(spec, f"{name} must be {'text' if kind is str else 'a whole number'}")


def _check_text(spec: ToolSpec, name: str, value: str) -> None:
    if len(value) > ARGUMENT_CHARACTERS:
        raise _misfit(spec, f"{name} is longer than {ARGUMENT_CHARACTERS} characters")
    # Half a surrogate pair is no Unicode text, and NUL cannot be stored; neither may stop the run later.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _misfit(spec, f"{name} holds characters that are not text")


def _misfit(spec: ToolSpec, what: str) -> CallRefused:
    takes = ", ".join(f"{name}: {'text' if kind is str else 'whole number'}" for name, kind in spec.parameters.items())
    return CallRefused(INVALID_ARGUMENTS, f"The call does not fit {spec.name}({takes}): {what}.")


def denial_text(message: str, details: Sequence[Any]) -> str:
    """Return what the model is told of a denial: why, and which arguments people would rather agree to, if any.

    ``details`` are those of ``APPROVAL_DENIED``: the reasons as text, then a list with each denial's own.
    """
    said = details[1] if len(details) > 1 and isinstance(details[1], list) else []
    proposals = [one["proposed_arguments"] for one in said if isinstance(one, dict) and "proposed_arguments" in one]
    words = [f"They propose these arguments instead: {json.dumps(item, ensure_ascii=False)}." for item in proposals]
    return " ".join([message, *words])


def cut(text: str, characters: int) -> str:
    """Return ``text``, shortened with an ellipsis if it is longer."""
    return text if len(text) <= characters else text[: characters - 1] + "…"
