"""The actions of a policy, as activities that a warrant guards. Pure.

They do nothing themselves: that one ran says that people approved it. Its argument types follow from the policy, for
Tenuo signs values of one type only: whole numbers for a ``range`` whose bounds are whole, fractions for any other;
lists of texts for ``contains`` and ``subset``; texts for ``anything`` and whatever else is about texts. Rules that
stand within another must be about one type together, which ``cel`` alone does not say.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from temporalio import activity

from warrants.errors import PolicyError
from warrants.policies.constraints import (
    All,
    AnyOf,
    Cel,
    Constraint,
    Contains,
    Not,
    OneOf,
    Range,
    Subset,
)
from warrants.policies.rules import Policy, Tool

APPROVED = "Approved. Whoever asked acts on it."
MAXIMUM_TEXT = 4_000
MAXIMUM_WHOLE = 2**53
MAXIMUM_LISTED = 100


class BadArguments(ValueError):
    """Arguments that an action does not take; ``field`` names the one, the sentence says what fits."""

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.field = field


def activities_of(policy: Policy) -> list[Callable[..., Any]]:
    """Return one activity for every tool of ``policy``, under the tool's name.

    Raises ``PolicyError`` for the first argument whose rule does not say of which type it is.
    """
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
    value = arguments[name]
    try:
        kind = type_of(constraint, name)
    except PolicyError as error:
        raise BadArguments(f"{name} cannot be asked about. {error.sentence}", field=name) from error
    if kind is str:
        return _text(name, constraint, value)
    if kind == list[str]:
        return _texts(name, value)
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and not isinstance(value, int)):
        raise BadArguments(f"{name} must be a {'whole ' if kind is int else ''}number.", field=name)
    # Not so of what is infinite or no number either.
    is_exact = abs(value) <= MAXIMUM_WHOLE
    if isinstance(constraint, Range) and not (is_exact and constraint.holds(Range(value, value))):
        raise BadArguments(f"{name} must be {_bounds(constraint)}.", field=name)
    if not is_exact:
        raise BadArguments(f"{name} must be a number between -2^53 and 2^53.", field=name)
    return kind(value)


def _text(name: str, constraint: Constraint, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAXIMUM_TEXT:
        raise BadArguments(f"{name} must be text of at most {MAXIMUM_TEXT} characters.", field=name)
    if isinstance(constraint, OneOf) and value not in constraint.values:
        raise BadArguments(f"{name} must be one of: {', '.join(constraint.values)}.", field=name)
    return value


def _texts(name: str, value: Any) -> list[str]:
    is_list = isinstance(value, list) and len(value) <= MAXIMUM_LISTED
    if not is_list or not all(isinstance(item, str) and len(item) <= MAXIMUM_TEXT for item in value):
        raise BadArguments(
            f"{name} must be a list of at most {MAXIMUM_LISTED} texts of at most {MAXIMUM_TEXT} characters.", field=name
        )
    return list(value)


def _bounds(constraint: Range) -> str:
    if constraint.minimum is None:
        return f"at most {constraint.maximum}"
    return f"at least {constraint.minimum}" + ("" if constraint.maximum is None else f", at most {constraint.maximum}")


def type_of(constraint: Constraint, path: str) -> Any:
    """Return ``str``, ``int``, ``float`` or ``list[str]``: what an argument's values are. Raises ``PolicyError``."""
    types = _types(constraint)
    if types == {int, float}:
        return float
    if len(types) > 1:
        raise PolicyError(path, "An action takes values of one type here, and the rule is about several.")
    if not types:
        sentence = "This does not say whether it is text, a number or a list. Use all, with a rule beside it that does."
        raise PolicyError(path, sentence)
    return types.pop()


def _types(constraint: Constraint) -> set[Any]:
    match constraint:
        case Range():
            bounds = (constraint.minimum, constraint.maximum)
            return {float} if any(isinstance(bound, float) for bound in bounds) else {int}
        case Contains() | Subset():
            return {list[str]}
        case All(rules) | AnyOf(rules):
            return {kind for rule in rules for kind in _types(rule)}
        case Not(rule):
            return _types(rule)
        case Cel():
            return set()
    return {str}


def _activity(name: str, tool: Tool) -> Callable[..., Any]:
    async def action(*_values: Any) -> str:
        return APPROVED

    types = {
        argument: type_of(constraint, f"tools.{name}.arguments.{argument}")
        for argument, constraint in tool.arguments.items()
    }
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(argument, kind, annotation=types[argument]) for argument in types]
    action.__name__ = action.__qualname__ = name
    # What Temporal, Tenuo and the gate read an activity's parameters from.
    action.__annotations__ = {**types, "return": str}
    action.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    return activity.defn(name=name)(action)
