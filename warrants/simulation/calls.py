"""Calls as people type them, and what a worker can be called with at all. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from audit.statements import cbor
from warrants.catalogue.contracts import CatalogueTool
from warrants.errors import MalformedCall
from warrants.simulation.contracts import Reason

MAXIMUM_CHARACTERS = 64 * 1024
MAXIMUM_TOOL = 200
_LONGEST_NUMBER = 40  # digits: far more than fit, and few enough to read quickly
_SCALARS = {str: "str", int: "int", float: "float", bool: "bool"}
_TYPES = frozenset([*_SCALARS.values(), *(f"list[{name}]" for name in _SCALARS.values())])
# As a worker's failure has them.
MALFORMED_ARGUMENTS = "MALFORMED_ARGUMENTS"
WRONG_TYPE = "WRONG_TYPE"


def read_tool(text: str) -> str:
    """Return the tool's name in ``text``. Raises ``MalformedCall``."""
    name = text.strip()
    if not 1 <= len(name) <= MAXIMUM_TOOL or not name.isprintable():
        raise MalformedCall("tool", f"A tool's name is 1 to {MAXIMUM_TOOL} printable characters.")
    return name


def read_arguments(text: str) -> dict[str, Any]:
    """Return the arguments in a JSON object, in which 1, 1.0, true and "1" are four things. Raises ``MalformedCall``.

    Numbers that JSON can write and no call can carry are read all the same: ``unsignable`` says what is wrong.
    """
    if len(text) > MAXIMUM_CHARACTERS:
        raise MalformedCall("arguments", f"The arguments are longer than {MAXIMUM_CHARACTERS} characters.")
    try:
        value = json.loads(text, object_pairs_hook=_each_once, parse_int=_whole)
    except RecursionError as error:
        raise MalformedCall("arguments", "The arguments are nested far too deep.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedCall("arguments", f"The arguments are not JSON. Look at {place}: {error.msg}.") from error
    if not isinstance(value, dict):
        raise MalformedCall("arguments", 'The arguments are a JSON object, such as {"service": "payments"}.')
    return value


def unsignable(tool: str, arguments: Mapping[str, Any]) -> Reason | None:
    """Return why these arguments have no bytes that an agent could sign, as its worker says it; None if they have."""
    try:
        cbor.encode(dict(arguments))
    except cbor.MalformedBytes as error:
        return Reason(f"The arguments of {tool} cannot be signed. {error}")
    return None


def misfit(arguments: Mapping[str, Any], forms: Sequence[CatalogueTool]) -> Reason | None:
    """Return why no worker takes these arguments; None if one may.

    ``forms`` are those in which workers have the tool. If none is known, it is enough that some guarded activity could
    have such parameters: texts, numbers, truths and lists of one of these, each exactly as it is given.
    """
    for name, value in arguments.items():
        if not _types_of(value):
            return Reason(
                f"{name} is {_described(value)}: guarded tools take texts, numbers, true and false, and lists of one "
                "of these.",
                name,
            )
    reasons = [_mismatch(arguments, form) for form in forms]
    return None if None in reasons else next(iter(reasons), None)


def _mismatch(arguments: Mapping[str, Any], form: CatalogueTool) -> Reason | None:
    parameters = {parameter.name: parameter for parameter in form.parameters}
    for name, value in arguments.items():
        wanted = parameters[name].type if name in parameters else ""
        if wanted in _TYPES and wanted not in _types_of(value):
            return Reason(f"{name} is {_described(value)}, and the worker’s tool takes {wanted} there, exactly.", name)
    # What is given beside them the warrant refuses by itself.
    for name, parameter in parameters.items():
        if parameter.required and name not in arguments:
            return Reason(f"The worker’s tool also takes {name}, so that it cannot run without.", name)
    return None


def _types_of(value: object) -> frozenset[str]:
    """Return the types of parameters that ``value`` reaches unchanged; an empty list is one of anything."""
    if type(value) in _SCALARS:
        return frozenset({_SCALARS[type(value)]})
    if not isinstance(value, list):
        return frozenset()
    kinds = {type(item) for item in value}
    if not kinds:
        return frozenset(f"list[{name}]" for name in _SCALARS.values())
    only = kinds.pop()
    return frozenset({f"list[{_SCALARS[only]}]"} if not kinds and only in _SCALARS else ())


def _described(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    names = " or ".join(sorted(_types_of(value))) if value != [] else "an empty list"
    return names or "a list of several types"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedCall("arguments", "An argument is given twice. Give it once.")
        found[name] = value
    return found


def _whole(digits: str) -> int:
    # Python refuses thousands of digits; what is too large stays too large.
    return int(digits[:_LONGEST_NUMBER])
