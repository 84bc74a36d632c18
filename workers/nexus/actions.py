"""The actions of a policy, as activities that a warrant guards. Pure.

They do nothing themselves: that one ran says that people approved it. Its argument types follow from the policy, for
Tenuo signs values of one type only: texts for ``one_of`` and ``anything``, whole numbers for a ``range`` whose
bounds are whole, fractions for any other.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from temporalio import activity

from warrants.policies.constraints import Constraint, OneOf, Range
from warrants.policies.rules import Policy, Tool

APPROVED = "Approved. Whoever asked acts on it."
MAXIMUM_TEXT = 4_000
MAXIMUM_WHOLE = 2**53


class BadArguments(ValueError):
    """Arguments that an action does not take; ``field`` names the one, the sentence says what fits."""

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.field = field


def activities_of(policy: Policy) -> list[Callable[..., Any]]:
    """Return one activity for every tool of ``policy``, under the tool's name."""
    return [_activity(name, tool) for name, tool in policy.tools.items()]


def fitted(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``arguments`` in the policy's order and types. Raises ``BadArguments`` for the first that is wrong."""
    for name in arguments:
        if name not in tool.arguments:
            raise BadArguments(
                f"The action takes no {name[:80]}. It takes {', '.join(tool.arguments)}.", field=name[:80]
            )
    return {name: _value(name, constraint, arguments) for name, constraint in tool.arguments.items()}


def _value(name: str, constraint: Constraint, arguments: Mapping[str, Any]) -> Any:
    if name not in arguments:
        raise BadArguments(f"{name} is missing. Give every argument of the action.", field=name)
    value, kind = arguments[name], _type_of(constraint)
    if kind is str:
        return _text(name, constraint, value)
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and not isinstance(value, int)):
        raise BadArguments(f"{name} must be a {'whole ' if kind is int else ''}number.", field=name)
    if isinstance(constraint, Range) and not _is_inside(value, constraint):
        raise BadArguments(f"{name} must be {_bounds(constraint)}.", field=name)
    return kind(value)


def _text(name: str, constraint: Constraint, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAXIMUM_TEXT:
        raise BadArguments(f"{name} must be text of at most {MAXIMUM_TEXT} characters.", field=name)
    if isinstance(constraint, OneOf) and value not in constraint.values:
        raise BadArguments(f"{name} must be one of: {', '.join(constraint.values)}.", field=name)
    return value


def _is_inside(value: int | float, constraint: Range) -> bool:
    if not math.isfinite(value) or abs(value) > MAXIMUM_WHOLE:
        return False
    return constraint.holds(Range(value, value))


def _bounds(constraint: Range) -> str:
    if constraint.minimum is None:
        return f"at most {constraint.maximum}"
    return f"at least {constraint.minimum}" + ("" if constraint.maximum is None else f", at most {constraint.maximum}")


def _type_of(constraint: Constraint) -> type:
    if not isinstance(constraint, Range):
        return str
    bounds = (constraint.minimum, constraint.maximum)
    return float if any(isinstance(bound, float) for bound in bounds) else int


def _activity(name: str, tool: Tool) -> Callable[..., Any]:
    async def action(*_values: Any) -> str:
        return APPROVED

    types = {argument: _type_of(constraint) for argument, constraint in tool.arguments.items()}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(argument, kind, annotation=types[argument]) for argument in types]
    action.__name__ = action.__qualname__ = name
    # What Temporal, Tenuo and the gate read an activity's parameters from.
    action.__annotations__ = {**types, "return": str}
    action.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    return activity.defn(name=name)(action)
