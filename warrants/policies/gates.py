"""Where a call stops for a person, and the forms of that which are refused because they leave holes. Pure.

In YAML, beside a tool's arguments:

    gate: {message: text, always: true}               every call
    gate: {message: text, unless: {argument: ...}}    every call, but for these values (the safe form)
    gate: {message: text, when: {argument: ...}}      only these values

and, with any of them, ``confirm: argument``: to approve, a person types that argument's value.

Tenuo's gates fail open: what a ``when`` does not match exactly runs with no approval at all. So ``when`` is allowed
only on an argument that is itself limited in the same way, where every other value is refused, not let through.
With several arguments a call stops as soon as one of them asks for it.

A gate holds only rules that name their values, so that nothing unforeseen is in them or out of them: exact and one_of,
range, cidr, subset (``unless``: a list with one more text would slip past ``when``) and contains (``when``, on a
subset). Patterns, expressions and the like are refused: whoever writes ``unless: {pattern: "staging*"}`` exempts
``staging-production``. Networks stand only on networks, for Tenuo breaks off where it compares one with other text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from warrants.errors import GateMissesNearValues, PolicyError
from warrants.policies.compiling import allows, is_within
from warrants.policies.constraints import (
    INCIDENT_SERVICE,
    AnyOf,
    Anything,
    Cidr,
    Constraint,
    Contains,
    Exact,
    OneOf,
    Range,
    Subset,
    parse,
)
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
    if INCIDENT_SERVICE in (texts_of(condition) or ()):
        raise PolicyError(path, f"A gate names fixed values, not {INCIDENT_SERVICE}.")
    if form is Form.WHEN:
        _check_when(path, condition, own)
    else:
        _check_unless(path, condition, own)


def _check_when(path: str, condition: Constraint, own: Constraint) -> None:
    """Refuse a condition beside which the argument may be something that is not named there."""
    if isinstance(condition, Contains) and isinstance(own, Subset):
        inside = set(condition.values) <= set(own.values)
    elif isinstance(condition, Exact | OneOf) and isinstance(own, Exact | OneOf):
        inside = set(texts_of(condition) or ()) <= set(texts_of(own) or ())
    elif (isinstance(condition, Range) and isinstance(own, Range)) or (
        isinstance(condition, Cidr) and isinstance(own, Cidr)
    ):
        inside = is_within(condition, own)
    else:
        raise GateMissesNearValues(path)
    if not inside:
        raise _outside(path)


def _check_unless(path: str, condition: Constraint, own: Constraint) -> None:
    """Refuse an exemption of values that it does not name, or that the argument never has, or of all it has."""
    if isinstance(condition, Exact | OneOf):
        _check_texts(path, texts_of(condition) or (), own)
    elif isinstance(condition, Range | Subset):
        if not isinstance(own, Anything):
            _check_within(path, condition, own)
    elif isinstance(condition, Cidr):
        if not isinstance(own, Cidr):
            raise PolicyError(path, "Limit the argument to a network too, with cidr: a gate cannot read other text.")
        _check_within(path, condition, own)
    else:
        raise PolicyError(
            path, "An exemption names its values, so that all others ask: use exact, one_of, range, cidr or subset."
        )


def _check_texts(path: str, exempt: tuple[str, ...], own: Constraint) -> None:
    if not all(allows(own, text) for text in exempt):
        raise _outside(path)
    everything = texts_of(own)
    if everything is not None and set(everything) <= set(exempt):
        raise _everything(path)


def _check_within(path: str, condition: Constraint, own: Constraint) -> None:
    if type(condition) is not type(own) or not is_within(condition, own):
        raise _outside(path)
    if is_within(own, condition):
        raise _everything(path)


def texts_of(rule: Constraint) -> tuple[str, ...] | None:
    """Return the texts that ``rule`` allows if these are all that it allows, else None."""
    match rule:
        case Exact(value):
            return (value,)
        case OneOf(values):
            return values
        case AnyOf(rules):
            found = [texts_of(inner) for inner in rules]
            return None if None in found else tuple(text for texts in found for text in texts or ())
    return None


def _everything(path: str) -> PolicyError:
    return PolicyError(path, "This exempts every allowed value, so that no call would stop. Exempt fewer values.")


def _outside(path: str) -> PolicyError:
    return PolicyError(path, "The gate names a value that the argument can never have. Correct one of the two.")
