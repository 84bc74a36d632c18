"""A call to begin with: values of which many pass, in the order of the policy. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from warrants.policies.constraints import (
    INCIDENT_SERVICE,
    All,
    AnyOf,
    Constraint,
    Contains,
    Exact,
    OneOf,
    Range,
    Subpath,
    Subset,
)
from warrants.policies.describing import DESCRIPTIONS

_BY_KIND = {description.name.replace("_", ""): description.allowed[0] for description in DESCRIPTIONS}


def example_of(arguments: Mapping[str, Constraint], *, service: str) -> str:
    """Return the arguments of a call as JSON, one on a line."""
    lines = [f"  {_written(name)}: {_written(_value(rule, service))}" for name, rule in arguments.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _value(rule: Constraint, service: str) -> Any:
    match rule:
        case Exact(value):
            return service if value == INCIDENT_SERVICE else value
        case OneOf(values):
            return service if INCIDENT_SERVICE in values else values[0]
        case Contains(values) | Subset(values):
            return [service if value == INCIDENT_SERVICE else value for value in values]
        case Range(minimum, maximum):
            return next((bound for bound in (minimum, maximum) if bound is not None), 0)
        case Subpath(root):
            return root
        case All(rules) | AnyOf(rules):
            return _value(rules[0], service)
    return _BY_KIND.get(type(rule).__name__.lower(), "")


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
