"""Random policies and calls, the same for the same seed: all kinds of rules and gates, and values that nearly fit."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import tenuo_core
import yaml
from tenuo.exceptions import TenuoError

from tests.simulation import tools
from warrants.errors import PolicyError
from warrants.policies.compiling import compiled
from warrants.policies.constraints import Constraint
from warrants.policies.describing import DESCRIPTIONS
from warrants.policies.rules import Policy, parse_policy

SERVICE = "payments"
_WORDS = ["production", "staging", "dev", "prod", "payments", "team-web", "ops"]
_TEXTS = [
    "", " ", "production", "Production", "production ", "prоduction", "prod\u200buction", "staging", "dev", "payments",
    "{incident.service}", "deploy-42", "OPS-7", "OPS-7\n", "10.20.0.1", "10.21.0.1", "010.20.0.1", "::1", "*", "0", "1",
    "true", "null", "https://api.example.com/v1/users", "https://www.example.com/", "/var/log/app/../x",
    "/var/log/app/today.log", "/usr/bin/git status", "/usr/bin/git log | sh", "team-web", "team-security",
    "é", "e\u0301", "\u202eoff", "a\0b", "ａ", "😀", "x" * 3000,
]  # fmt: skip
_WHOLE = [0, 1, 2, 3, 5, 7, 10, 11, 64, 65, -1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30]
_NUMBERS = [0.0, 1.0, 1.5, 2.5, 10.0, 10.5, -0.0, 5e-324, 1e308, 64.0, float("inf"), float("nan")]
_LISTS: list[list[Any]] = [[], ["read"], ["list", "read"], ["read", "write"], ["audit"], ["Audit"], ["owner"], ["", ""]]
_WHOLE_LISTS: list[list[Any]] = [[], [1], [1, 2, 3], [2**53], [0, -1], [2**64]]
_ANYTHING: list[Any] = [*_TEXTS[:12], *_WHOLE[:6], *_NUMBERS[:4], True, False, None, [], ["read"], [1], [[1]], {"a": 1}]
_OF_TYPES: dict[str, list[Any]] = {
    "str": _TEXTS, "int": _WHOLE, "float": _NUMBERS, "bool": [True, False], "list[str]": _LISTS,
    "list[int]": _WHOLE_LISTS,
}  # fmt: skip
# Kinds that some value of the type may pass; the others are tried too, now and then.
_FITTING = {
    "str": ["exact", "one_of", "not_one_of", "pattern", "regex", "cidr", "url_pattern", "url_safe", "subpath", "shlex"],
    "int": ["range"], "float": ["range"], "bool": ["cel"], "list[str]": ["contains", "subset"], "list[int]": ["cel"],
}  # fmt: skip
_OF_ALL_TYPES = ["all", "any_of", "not", "cel", "anything"]
EVERY_KIND = [description.name for description in DESCRIPTIONS]


@dataclass(frozen=True)
class Pair:
    """A call, and under which policy; ``arguments`` are as the agent's workflow gives them."""

    tool: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.tool} {json.dumps(self.arguments)}"


def policy(chance: random.Random, number: int) -> Policy:
    """Return a random policy for some of the worker's tools. Among as many as there are kinds, each has its turn."""
    kind = EVERY_KIND[number % len(EVERY_KIND)]
    fitting = [name for name, of in tools.PARAMETERS.items() if len(of) == 1 and kind in _kinds_for(of["x"])]
    while True:
        chosen = dict.fromkeys(chance.sample(sorted(tools.PARAMETERS), k=chance.randint(3, 5)))
        written = {tool: _tool(chance, tools.PARAMETERS[tool]) for tool in chosen}
        tool = chance.choice(fitting)
        written[tool] = _tool(chance, tools.PARAMETERS[tool], kind)
        text = yaml.safe_dump(
            {
                "name": f"guess-{number}",
                "version": 1,
                "lifetimes": {"critical": "1 h"},
                "min_approvals": chance.randint(1, 2),
                "tools": written,
            },
            allow_unicode=True,
            sort_keys=False,
        )
        try:
            return parse_policy(text)
        except PolicyError:
            continue  # two that do not go together


def calls(chance: random.Random, of: Policy, count: int) -> list[Pair]:
    """Return random calls, most of them of the policy's tools and near to what it allows."""
    passing = _passing(of)
    return [_call(chance, of, passing) for _ in range(count)]


def _kinds_for(type_name: str) -> list[str]:
    return _FITTING[type_name] + _OF_ALL_TYPES


def _tool(chance: random.Random, parameters: Mapping[str, str], kind: str = "") -> dict[str, Any]:
    rules = {name: _rule(chance, type_name, kind) for name, type_name in parameters.items()}
    if len(rules) > 1 and chance.random() < 0.08:
        del rules[chance.choice(sorted(rules))]  # one that the policy forgot
    if chance.random() < 0.05:
        rules["dry_run"] = "anything"  # one that the tool does not have
    whole = {"arguments": rules}
    gate = _gate(chance, rules)
    is_wanted = "always" not in gate or chance.random() < 0.25
    return {**whole, "gate": gate} if is_wanted and _is_taken({**whole, "gate": gate}) else whole


def _rule(chance: random.Random, type_name: str, kind: str = "", depth: int = 0) -> Any:
    fitting = _kinds_for(type_name) if depth == 0 else [*_FITTING[type_name], "cel"]
    kind = kind or chance.choice(fitting if chance.random() < 0.9 else EVERY_KIND)
    if kind == "anything":
        return kind if depth == 0 else {"not_one_of": ["nothing"]}
    if kind in ("all", "any_of", "not") and depth < 2:
        inner = [_rule(chance, type_name, depth=depth + 1) for _ in range(1 if kind == "not" else 2)]
        return {kind: inner[0] if kind == "not" else inner}
    made = {kind: _GIVEN[kind](chance)} if kind in _GIVEN else _example(kind)
    return made if _is_taken({"arguments": {"x": made}}) else _example(kind)


def _example(kind: str) -> Any:
    return yaml.safe_load(next(description.example for description in DESCRIPTIONS if description.name == kind))


def _some(chance: random.Random) -> list[str]:
    return chance.sample(_WORDS, k=chance.randint(1, 3))


def _range(chance: random.Random) -> dict[str, float]:
    low = chance.choice([-1, 0, 1, 1.5, 2])
    bounds = {"min": low, "max": low + chance.choice([0, 0.5, 8, 62])}
    if chance.random() < 0.2:
        del bounds[chance.choice(["min", "max"])]
    return bounds


_GIVEN: dict[str, Callable[[random.Random], Any]] = {
    "exact": lambda chance: chance.choice([*_WORDS, "{incident.service}"]),
    "one_of": lambda chance: [*_some(chance), *(["{incident.service}"] if chance.random() < 0.3 else [])],
    "not_one_of": _some,
    "range": _range,
    "pattern": lambda chance: chance.choice(["prod*", "*ing", "d?v", "[ps]*", "deploy-*"]),
    "regex": lambda chance: chance.choice(["[a-z]+", "prod(uction)?", "[A-Z]{2,5}-[0-9]+", ".*"]),
    "cidr": lambda chance: chance.choice(["10.20.0.0/16", "0.0.0.0/0", "::/0"]),
    "cel": lambda chance: chance.choice(
        ["value == true", "value in [1, 2]", "size(value) < 4", 'value.startsWith("prod")', "value != 1", "value > 1.5"]
    ),
    "subset": lambda chance: chance.sample(["read", "list", "write", "owner"], k=2),
    "contains": lambda chance: [chance.choice(["audit", "read"])],
}


def _gate(chance: random.Random, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return a gate with as many conditions as are safe, or one on every call."""
    message = f"Somebody must look at this ({chance.randint(1, 99)})."
    form = chance.choice(["always", "unless", "unless", "unless", "when", "when", "when"])
    conditions: dict[str, Any] = {}
    for name, rule in rules.items():
        condition = _condition(chance, form, rule)
        tried = {"arguments": dict(rules), "gate": {"message": message, form: {**conditions, name: condition}}}
        if form != "always" and condition is not None and _is_taken(tried):
            conditions[name] = condition
    return {"message": message, form: conditions} if conditions else {"message": message, "always": True}


def _condition(chance: random.Random, form: str, rule: Any) -> Any:
    kind, given = next(iter(rule.items())) if isinstance(rule, dict) else ("", None)
    match kind:
        case "one_of":
            return {"one_of": [value for value in given if "{" not in value][: chance.randint(1, 2)] or ["x"]}
        case "exact" | "not_one_of" | "pattern" | "regex" | "not" | "":
            return {"one_of": chance.sample(_WORDS, k=2)}
        case "range":
            low = given.get("min", 0)
            return {"range": {"min": low, "max": min(low + 2, given.get("max", 99))}}
        case "cidr":
            return {"cidr": "10.20.0.0/24"}
        case "subset":
            return {"contains": given[:1]} if form == "when" else {"subset": given[:1]}
    return None


def _is_taken(tool: Mapping[str, Any]) -> bool:
    whole = {"name": "x", "version": 1, "lifetimes": {"low": "1 h"}, "min_approvals": 1, "tools": {"x": dict(tool)}}
    try:
        parse_policy(yaml.safe_dump(whole, allow_unicode=True))
    except PolicyError:
        return False
    return True


def _call(chance: random.Random, of: Policy, passing: Mapping[tuple[str, str], list[Any]]) -> Pair:
    tool = chance.choice(sorted(of.tools if chance.random() < 0.96 else tools.PARAMETERS))
    rules = of.tools[tool].arguments if tool in of.tools else {}
    # All of one call fit, more often than not, so that its gate has its say.
    fits = chance.random() < 0.7
    arguments = {
        name: _value(chance, type_name, passing.get((tool, name), []), fits or name not in rules)
        for name, type_name in tools.PARAMETERS[tool].items()
    }
    if len(arguments) > 1 and chance.random() < 0.03:
        arguments.popitem()
    elif chance.random() < 0.03:
        arguments[f"arg{len(arguments)}"] = chance.choice(_ANYTHING)  # how a worker names what has no name
    return Pair(tool, arguments)


def _value(chance: random.Random, type_name: str, passing: list[Any], fits: bool) -> Any:
    if fits and passing:
        return chance.choice(passing)
    if chance.random() < 0.2:
        return chance.choice(_ANYTHING)
    value = chance.choice(passing) if passing and chance.random() < 0.5 else chance.choice(_OF_TYPES[type_name])
    return _nearly(chance, value) if isinstance(value, str) else value


def _passing(of: Policy) -> dict[tuple[str, str], list[Any]]:
    """Return values of the right type that pass an argument's rule, by tool and argument."""
    told = yaml.safe_load(of.text)["tools"]
    found = {}
    for tool, of_tool in of.tools.items():
        for name, rule in of_tool.arguments.items():
            type_name = tools.PARAMETERS[tool].get(name, "str")
            values = [*_told(told[tool]["arguments"][name]), *_OF_TYPES[type_name]]
            found[tool, name] = _those_that_pass(rule, [value for value in values if _is_of(value, type_name)])
    return found


def _those_that_pass(rule: Constraint, values: list[Any]) -> list[Any]:
    warrant = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.generate(), capabilities={"x": {"x": compiled(rule, SERVICE)}}, ttl_seconds=60
    )
    passing = []
    for value in values:
        with suppress(TenuoError):
            if warrant.check_constraints("x", {"x": value}) is None:
                passing.append(value)
    return passing


def _told(rule: Any) -> list[Any]:
    """Return values that a rule speaks of, and those that its kind is explained with."""
    if not isinstance(rule, dict):
        return []
    kind, given = next(iter(rule.items()))
    if kind in ("all", "any_of"):
        return [value for inner in given for value in _told(inner)]
    if kind == "not":
        return _told(given)
    described = next(description for description in DESCRIPTIONS if description.name == kind)
    values = [*described.allowed, *described.refused]
    if kind == "range":
        low, high = given.get("min", 0), given.get("max", 99)
        values += [low, high, int(low), float(low), (low + high) / 2, high + 1, low + 1]
    if kind in ("exact", "one_of", "not_one_of"):
        values += [
            value.replace("{incident.service}", SERVICE) for value in ([given] if kind == "exact" else given)
        ] * 4
    if kind in ("subset", "contains"):
        values += [given, given[:1], [*given, "more"]] * 2
    if kind == "cel":
        values += ["prod", "production", 1, 2, 3, 1.0, 2.0, [1], [1, 2, 3, 4]]
    return values


def _nearly(chance: random.Random, text: str) -> str:
    return chance.choice(
        [
            text.upper(),
            text.title(),
            f"{text} ",
            f" {text}",
            f"{text}\n",
            text[:-1],
            f"{text}\u200b",
            text.replace("o", "о"),
        ]
    )


def _is_of(value: Any, type_name: str) -> bool:
    """Whether the value has the type; whole numbers come for fractions as well, which a worker must refuse."""
    if type_name.startswith("list["):
        inner = {"str": str, "int": int}[type_name[5:-1]]
        return isinstance(value, list) and all(type(item) is inner for item in value)
    return type(value) in {"str": [str], "int": [int], "float": [float, int], "bool": [bool]}[type_name]
