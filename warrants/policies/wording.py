"""A policy in plain words, for people who do not read YAML. Pure.

``static/js/lib/constraints.js`` has the same words for what a warrant allows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accounts.keys.contracts import KeyStrength
from warrants.policies.constraints import (
    INCIDENT_SERVICE,
    All,
    AnyOf,
    Anything,
    Cel,
    Cidr,
    Constraint,
    Contains,
    Exact,
    Not,
    NotOneOf,
    OneOf,
    Pattern,
    Range,
    Regex,
    Shlex,
    Subpath,
    Subset,
    UrlPattern,
    UrlSafe,
)
from warrants.policies.gates import Form, Gate
from warrants.policies.rules import Policy


@dataclass(frozen=True, slots=True)
class ToolInWords:
    """``arguments`` are names and what each may be; ``stops`` says which calls ask people, ``message`` what they read.

    ``is_gated``: some calls stop.
    """

    name: str
    arguments: tuple[tuple[str, str], ...]
    is_gated: bool
    stops: str
    message: str = ""
    confirm: str = ""


def tools_in_words(policy: Policy) -> list[ToolInWords]:
    """Return what an agent may do, one tool after the other."""
    return [
        ToolInWords(
            name,
            tuple((argument, in_words(rule)) for argument, rule in tool.arguments.items()),
            tool.gate is not None,
            stops(tool.gate),
            tool.gate.message if tool.gate else "",
            tool.gate.confirm if tool.gate else "",
        )
        for name, tool in policy.tools.items()
    ]


def terms_in_words(policy: Policy) -> list[tuple[str, str]]:
    """Return the terms that hold for all tools: what they are about, and what they say."""
    lives = ", ".join(f"{duration(seconds)} if {severity}" for severity, seconds in policy.lifetimes.items())
    strong = policy.approver_key_strength is KeyStrength.STRONG
    people = f"{policy.min_approvals} {'person' if policy.min_approvals == 1 else 'people'}"
    said = [
        ("A warrant lives", lives),
        ("What stops needs", f"{people}{', with strong keys' if strong else ''}"),
        ("Their keys are endorsed by", f"{policy.endorsers} {'person' if policy.endorsers == 1 else 'people'}"),
        ("One no", "ends a request" if policy.one_denial_ends else "ends a request that too few others could approve"),
    ]
    if policy.approvers:
        said.append(("Only these may approve", ", ".join(policy.approvers)))
    if policy.agents:
        said.append(("Only these agents hold a warrant", ", ".join(policy.agents)))
    if policy.sub_agents is not None:
        said.append(("A warrant is handed on", f"{policy.sub_agents} times at most" if policy.sub_agents else "never"))
    if policy.reading_seconds:
        said.append(("Nobody approves before", f"{duration(policy.reading_seconds)} of reading"))
    if policy.approvals_per_hour:
        said.append(("One person approves", f"{policy.approvals_per_hour} requests in an hour at most"))
    if policy.step_up_seconds:
        said.append(("A second factor is", f"{duration(policy.step_up_seconds)} old at most"))
    if policy.approval_seconds:
        said.append(("An approval lives", f"{duration(policy.approval_seconds)} at most"))
    return said


def duration(seconds: int) -> str:
    """Return seconds as people say them: ``90 s``, ``15 min``, ``2 h``."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def stops(gate: Gate | None) -> str:
    """Return which calls a gate stops."""
    if gate is None:
        return "No call stops."
    if gate.form is Form.ALWAYS:
        return "Every call stops."
    if gate.form is Form.UNLESS:
        return f"Every call stops, unless {_conditions(gate.arguments, ' and ')}."
    return f"A call stops if {_conditions(gate.arguments, ' or ')}."


def _conditions(arguments: Mapping[str, Constraint], joined: str) -> str:
    return joined.join(f"{name} is {in_words(rule)}" for name, rule in arguments.items())


def in_words(rule: Constraint) -> str:
    """Return what ``rule`` allows."""
    match rule:
        case Exact(value):
            return "the incident's service" if value == INCIDENT_SERVICE else f"exactly {_quoted([value])}"
        case OneOf((only,)):
            return in_words(Exact(only))
        case OneOf(values):
            return f"one of {_quoted(values)}"
        case NotOneOf(values):
            return f"anything but {_quoted(values)}"
        case Range():
            return _range(rule)
        case Pattern(pattern):
            return f"text like {_quoted([pattern])}"
        case Regex(pattern):
            return f"text that as a whole matches the expression {_quoted([pattern])}"
        case Cidr(network):
            return f"an address in {network}"
        case UrlPattern(pattern):
            return f"a web address like {_quoted([pattern])}"
        case UrlSafe():
            return _url_safe(rule)
        case Subpath(root):
            return f"a path under {_quoted([root])}"
        case Shlex(programs):
            return f"a command of {_quoted(programs)}"
        case Contains(values):
            return f"a list with {_quoted(values)} in it"
        case Subset(values):
            return f"a list of only {_quoted(values)}"
        case All(rules):
            return " and ".join(map(_inner, rules))
        case AnyOf(rules):
            return ", or ".join(map(_inner, rules))
        case Not(inner):
            return f"not {_inner(inner)}"
        case Cel(expression):
            return f"what the expression {_quoted([expression])} allows"
        case Anything():
            return "anything"


def _inner(rule: Constraint) -> str:
    """Return a rule within another one, in brackets where it has several parts itself."""
    words = in_words(rule)
    return f"({words})" if isinstance(rule, All | AnyOf | Range) else words


def _range(rule: Range) -> str:
    if rule.minimum is None and rule.maximum is None:
        return "any number"
    if rule.minimum is None:
        return f"a number up to {rule.maximum}"
    return f"a number from {rule.minimum}" + ("" if rule.maximum is None else f" to {rule.maximum}")


def _url_safe(rule: UrlSafe) -> str:
    words = f"a web address that is not internal, with {' or '.join(rule.schemes)}"
    if rule.domains:
        words += f", on {' or '.join(rule.domains)}"
    return words + (f", at port {' or '.join(map(str, rule.ports))}" if rule.ports else "")


def _quoted(texts: Iterable[str]) -> str:
    shown = (json.dumps(text, ensure_ascii=False) for text in texts)
    return ", ".join("the incident's service" if text == f'"{INCIDENT_SERVICE}"' else text for text in shown)
