"""What a guarded worker must be, or it does not start. One sentence for each refusal."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from workers.gates.errors import UnsafeSettings

PHONE_HOME = ("TENUO_CONNECT_TOKEN", "TENUO_CONTROL_PLANE_URL")
_SCALARS = (str, int, float, bool)


def refuse_phone_home() -> None:
    """Refuse the variables by which Tenuo reports every decision to a service elsewhere."""
    for name in PHONE_HOME:
        if os.environ.get(name):
            raise UnsafeSettings(
                f"{name} is set: Tenuo would report every call of this worker to another service. Unset it."
            )


def refuse_unsupported_parameters(activities: Iterable[Callable[..., Any]]) -> None:
    """Refuse guarded activities whose arguments Tenuo cannot bind one to one."""
    for function in activities:
        name = activity_name(function)
        hints = typing.get_type_hints(function)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name == "self":
                continue
            if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                raise UnsafeSettings(f"{name}: the parameter {parameter.name} must be an ordinary positional one.")
            if parameter.default is not parameter.empty:
                raise UnsafeSettings(
                    f"{name}: the parameter {parameter.name} has a default. A person must see every argument, so "
                    "guarded activities take all of them explicitly."
                )
            if not _is_supported(hints.get(parameter.name)):
                raise UnsafeSettings(
                    f"{name}: the parameter {parameter.name} must be annotated as str, int, float, bool or a list of "
                    "one of these; Tenuo cannot sign anything else faithfully."
                )


def refuse_unlisted_activities(listed: Sequence[Callable[..., Any]], registered: Iterable[Callable[..., Any]]) -> None:
    """Refuse a worker that runs an activity which the plugins were not built with; one without activities is fine."""
    known = set(map(activity_name, listed))
    ours = {name for name in map(activity_name, registered) if not name.startswith(("tenuo", "_tenuo", "__tenuo"))}
    for name in sorted(ours - known):
        raise UnsafeSettings(
            f"The worker runs the activity {name}, which build_plugins was not given: nobody could name its arguments."
        )


def activity_name(function: Callable[..., Any]) -> str:
    """Return the name that Temporal knows an activity by."""
    definition = getattr(function, "__temporal_activity_definition", None)
    name = getattr(definition, "name", None)
    return str(name or getattr(function, "__name__", repr(function)))


def functions_by_name(activities: Iterable[Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return the activities by name. Raises ``UnsafeSettings`` for what is no activity or comes twice."""
    functions: dict[str, Callable[..., Any]] = {}
    for function in activities:
        if getattr(function, "__temporal_activity_definition", None) is None:
            raise UnsafeSettings(f"{activity_name(function)} is not an activity: decorate it with @activity.defn.")
        if activity_name(function) in functions:
            raise UnsafeSettings(f"The activity {activity_name(function)} is listed twice.")
        functions[activity_name(function)] = function
    return functions


def _is_supported(hint: Any) -> bool:
    if hint in _SCALARS:
        return True
    return typing.get_origin(hint) is list and len(typing.get_args(hint)) == 1 and typing.get_args(hint)[0] in _SCALARS
