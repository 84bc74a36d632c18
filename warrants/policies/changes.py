"""What the editor's forms change in a policy's text: a rule, a gate, the terms. Pure.

Each takes the text and what shall be, and returns the new text. What the policy's own readers refuse is refused here
too, with their sentence, and nothing is changed; so a form writes no gate that does not close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from warrants.errors import GateMissesNearValues, PolicyError
from warrants.policies.constraints import (
    INCIDENT_SERVICE,
    Anything,
    Cidr,
    Constraint,
    Exact,
    OneOf,
    Range,
    Subset,
    parse,
)
from warrants.policies.editing import put, take_out, values_of
from warrants.policies.gates import Form, texts_of
from warrants.policies.lint import errors_of
from warrants.policies.reading import Section
from warrants.policies.rules import (
    READERS,
    argument_of,
    gate_of,
    is_argument_name,
    is_tool_name,
    lifetime,
    tool_section,
)

NOTHING = "none"
_LINES = tuple(name for name in READERS if name != "tools")


class UnsafeGate(PolicyError):
    """A gate that near misses of its values slip past. ``fix`` is the whole text with its safe form, or None."""

    def __init__(self, error: GateMissesNearValues, fix: str | None) -> None:
        super().__init__(error.path, error.sentence)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class WantedGate:
    """``form`` is one of ``Form``, or ``NOTHING``; ``conditions`` are rules as YAML has them, by argument."""

    form: str
    message: str = ""
    confirm: str = ""
    conditions: Mapping[str, Any] = field(default_factory=dict)


def set_rule(text: str, tool: str, argument: str, value: Any) -> str:
    """Return ``text`` with ``value``, a rule as YAML has it, for one of a tool's arguments. Raises ``PolicyError``."""
    require_rule_place(tool, argument)
    rule_of(value, f"tools.{tool}.arguments", argument)
    return put(text, ("tools", tool, "arguments", argument), value)


def rule_of(value: Any, path: str = "", argument: str = "value") -> Constraint:
    """Return the rule that ``value`` is. Raises ``PolicyError``."""
    return parse(Section({argument: value}, path), argument)


def require_rule_place(tool: str, argument: str) -> None:
    """Raise ``PolicyError`` unless a rule may stand there; its path is ``tool`` or ``argument``."""
    if not is_tool_name(tool):
        raise PolicyError(
            "tool", "A tool is named with lower-case letters, digits and _, or nexus:ENDPOINT:SERVICE:OPERATION."
        )
    if not is_argument_name(argument):
        raise PolicyError("argument", "An argument is named with lower-case letters, digits and _.")


def set_gate(text: str, tool: str, wanted: WantedGate) -> str:
    """Return ``text`` with a tool's gate as it is wanted.

    Raises ``UnsafeGate`` for one that near misses slip past, and ``PolicyError`` for what else is refused.
    """
    path = ("tools", tool, "gate")
    arguments = arguments_of(text, tool)
    if wanted.form == NOTHING:
        return take_out(text, path)
    if wanted.form not in list(Form):
        raise PolicyError("form", "Choose which calls stop.")
    gate = _values(values_of(text), path)
    before = gate.get(wanted.form) if isinstance(gate, dict) else None
    conditions = {name: _as_written(value, before, name) for name, value in wanted.conditions.items()}
    if wanted.form != Form.ALWAYS and not conditions:
        raise PolicyError("form", "Say for which values, of one argument at least.")
    body: Any = True if wanted.form == Form.ALWAYS else conditions
    if not isinstance(gate, dict):
        confirm = {"confirm": wanted.confirm} if wanted.confirm else {}
        changed = put(text, path, {"message": wanted.message, **confirm, wanted.form: body}, blocks=2)
    else:
        changed = _changed_gate(text, tool, wanted, body)
    try:
        gate_of(tool_section(Section(values_of(changed)).section("tools"), tool), tool, arguments)
    except GateMissesNearValues as error:
        raise UnsafeGate(error, _safe_form(changed, error.path)) from error
    return changed


def arguments_of(text: str, tool: str) -> dict[str, Constraint]:
    """Return what a tool's arguments may be. Raises ``PolicyError``."""
    declared = tool_section(Section(values_of(text)).section("tools"), tool).section("arguments")
    return {argument: argument_of(declared, argument) for argument in declared.values}


def set_terms(text: str, terms: Mapping[str, Any], lifetimes: Mapping[str, str]) -> str:
    """Return ``text`` with these terms, by their lines' names, and these lifetimes by severity.

    A term that is None, and a lifetime that is empty, is taken out. Raises ``PolicyError``.
    """
    before = values_of(text)
    for severity, lives in lifetimes.items():
        if _values(before, ("lifetimes", severity)) == (lives or None):
            continue
        path = ("lifetimes", severity)
        text = put(text, path, lives, behind=_LINES) if lives else take_out(text, path)
        if lives:
            lifetime(Section(values_of(text)).section("lifetimes"), severity)
    for name, value in terms.items():
        if before.get(name) == value:
            continue
        text = take_out(text, (name,)) if value is None else put(text, (name,), value, behind=_LINES)
        if value is not None:
            READERS[name](Section(values_of(text)))
    return text


def offered_kinds(form: str, own: Constraint) -> tuple[str, ...]:
    """Return the kinds of rules that a gate of ``form`` may hold for an argument that may be ``own``.

    Where ``own`` is such that ``when`` is never safe, texts are offered still: their safe form follows.
    """
    if isinstance(own, Range):
        return ("range",)
    if isinstance(own, Cidr):
        return ("cidr",)
    if isinstance(own, Subset):
        return ("contains",) if form == Form.WHEN else ("subset",)
    if isinstance(own, Anything) and form == Form.UNLESS:
        return ("one_of", "range", "subset")
    return ("one_of",)


def offered_texts(own: Constraint) -> tuple[str, ...]:
    """Return the texts that a gate may name of an argument that may be ``own``; empty where any may be typed."""
    listed = own.values if isinstance(own, Subset) else texts_of(own) if isinstance(own, Exact | OneOf) else ()
    return tuple(text for text in listed or () if text != INCIDENT_SERVICE)


def _as_written(value: Any, before: Any, argument: str) -> Any:
    """Return ``value`` as it stands already, if that says the same: one text may be written with ``exact``."""
    written = before.get(argument) if isinstance(before, dict) else None
    text = written.get("exact") if isinstance(written, dict) else None
    return written if text is not None and value == {"one_of": [text]} else value


def has_values(own: Constraint) -> bool:
    """Return whether a gate may name values of an argument that may be ``own``: the incident's service is none."""
    return bool(offered_texts(own)) or texts_of(own) is None


def _changed_gate(text: str, tool: str, wanted: WantedGate, body: Any) -> str:
    path = ("tools", tool, "gate")
    text = put(text, (*path, "message"), wanted.message)
    others = [form for form in Form if form != wanted.form]
    before = _values(values_of(text), (*path, wanted.form))
    if isinstance(before, dict) and isinstance(body, dict):
        text = _conditions(text, (*path, wanted.form), before, body)
    else:
        text = put(text, (*path, wanted.form), body, blocks=1, instead_of=others)
    for form in others:
        text = take_out(text, (*path, form))
    confirm = (*path, "confirm")
    return put(text, confirm, wanted.confirm, behind=["message"]) if wanted.confirm else take_out(text, confirm)


def _conditions(text: str, path: tuple[str, ...], before: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Change the conditions that are others; what is new comes first, so that there is always one."""
    for argument, value in wanted.items():
        text = put(text, (*path, argument), value)
    for argument in before:
        if argument not in wanted:
            text = take_out(text, (*path, argument))
    return text


def _values(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _safe_form(text: str, path: str) -> str | None:
    return next((found.fix for found in errors_of(text) if found.path == path and found.fix), None)
