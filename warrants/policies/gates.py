"""Where a call stops for a person, and the forms of that which are refused because they leave holes. Pure.

In YAML, beside a tool's arguments:

    gate: {message: text, always: true}               every call
    gate: {message: text, unless: {argument: ...}}    every call, but for these values (the safe form)
    gate: {message: text, when: {argument: ...}}      only these values

and, with any of them, ``confirm: argument``: to approve, a person types that argument's value.

Tenuo's gates fail open: what a ``when`` does not match exactly runs with no approval at all. So ``when`` is allowed
only on an argument that is itself limited in the same way, where every other value is refused, not let through.
With several arguments a call stops as soon as one of them asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from warrants.errors import PolicyError
from warrants.policies.constraints import INCIDENT_SERVICE, Anything, Constraint, OneOf, Range, parse
from warrants.policies.reading import Section

# Tenuo cuts longer messages.
MAXIMUM_MESSAGE = 200


class Form(StrEnum):
    """Which calls a gate stops."""

    ALWAYS = "always"
    UNLESS = "unless"
    WHEN = "when"


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate with its message for people; ``arguments`` is empty for ``ALWAYS``.

    ``confirm`` is the argument whose value people type to approve, or empty.
    """

    message: str
    form: Form
    arguments: Mapping[str, Constraint] = field(default_factory=dict)
    confirm: str = ""


def parse_gate(section: Section, declared: Mapping[str, Constraint]) -> Gate:
    """Return the gate of a tool whose arguments are ``declared``. Raises ``PolicyError`` for an unsafe one."""
    section.only("message", "confirm", *Form)
    message = section.text("message", maximum=MAXIMUM_MESSAGE)
    forms = [form for form in Form if form in section.values]
    if len(forms) != 1:
        raise PolicyError(section.path, "Say which calls stop, with exactly one of always, unless and when.")
    form = forms[0]
    confirm = _confirmed(section, declared)
    if form is Form.ALWAYS:
        _require_true(section)
        return Gate(message, form, confirm=confirm)
    return Gate(message, form, _conditions(section.section(form), form, declared), confirm)


def _confirmed(section: Section, declared: Mapping[str, Constraint]) -> str:
    """Return the argument that people type: one of known texts, for nobody types what may be anything."""
    if "confirm" not in section.values:
        return ""
    name = section.text("confirm", maximum=64)
    if not isinstance(declared.get(name), OneOf):
        raise PolicyError(
            section.at("confirm"), "confirm names one of the tool's arguments that is limited with one_of."
        )
    return name


def _require_true(section: Section) -> None:
    if section.item(Form.ALWAYS) is not True:
        raise PolicyError(section.at(Form.ALWAYS), "always can only be true. Take the gate out if no call shall stop.")


def _conditions(section: Section, form: Form, declared: Mapping[str, Constraint]) -> dict[str, Constraint]:
    conditions: dict[str, Constraint] = {}
    for name in section.values:
        if name not in declared:
            raise PolicyError(
                section.at(name), f"The tool declares no argument {name}. Declare it or correct the name."
            )
        conditions[name] = parse(section, name)
        _check(section.at(name), form, conditions[name], declared[name])
    return conditions


def _check(path: str, form: Form, condition: Constraint, own: Constraint) -> None:
    if isinstance(condition, Anything):
        raise PolicyError(path, "A gate names values. To stop every call write always: true.")
    if isinstance(condition, OneOf) and INCIDENT_SERVICE in condition.values:
        raise PolicyError(path, f"A gate names fixed values, not {INCIDENT_SERVICE}.")
    if isinstance(own, Anything):
        if form is Form.WHEN:
            raise _fails_open(path)
        return
    if type(condition) is not type(own):
        raise _fails_open(path) if form is Form.WHEN else _outside(path)
    _check_within(path, form, condition, own)


def _check_within(path: str, form: Form, condition: Constraint, own: Constraint) -> None:
    if isinstance(condition, OneOf) and isinstance(own, OneOf):
        inside, everything = set(condition.values) <= set(own.values), set(own.values) <= set(condition.values)
    elif isinstance(condition, Range) and isinstance(own, Range):
        inside, everything = own.holds(condition), condition.holds(own)
    else:
        raise TypeError("The condition and the argument's constraint are of different kinds.")
    if not inside:
        raise _outside(path)
    if form is Form.UNLESS and everything:
        raise PolicyError(path, "This exempts every allowed value, so that no call would stop. Exempt fewer values.")


def _fails_open(path: str) -> PolicyError:
    return PolicyError(
        path,
        "This gate lets near misses through: the argument may be other values, and those run with no approval. "
        "Limit the argument itself with one_of or range in the same way, or write the gate with unless.",
    )


def _outside(path: str) -> PolicyError:
    return PolicyError(path, "The gate names a value that the argument can never have. Correct one of the two.")
