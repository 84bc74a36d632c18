"""What values a rule is about: their types, whether there are any, and whether near misses are among them. Pure."""

from __future__ import annotations

from enum import StrEnum

from warrants.policies.compiling import allows
from warrants.policies.constraints import (
    INCIDENT_SERVICE,
    All,
    AnyOf,
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
from warrants.policies.gates import texts_of


class Kind(StrEnum):
    """A type of values, in words."""

    TEXT = "text"
    NUMBER = "a number"
    LIST = "a list"
    TRUTH = "true or false"


_EVERY = frozenset(Kind)
# As workers write the types of their parameters.
_KINDS_OF_TYPES = {"str": Kind.TEXT, "int": Kind.NUMBER, "float": Kind.NUMBER, "bool": Kind.TRUTH, "list": Kind.LIST}


def kinds(rule: Constraint) -> frozenset[Kind]:
    """Return the types that values which ``rule`` allows may have."""
    match rule:
        case Exact() | OneOf() | Pattern() | Regex() | Cidr() | UrlPattern() | UrlSafe() | Subpath() | Shlex():
            return frozenset({Kind.TEXT})
        case Range():
            return frozenset({Kind.NUMBER})
        case Contains() | Subset():
            return frozenset({Kind.LIST})
        case All(rules):
            return _EVERY.intersection(*(kinds(inner) for inner in rules))
        case AnyOf(rules):
            return frozenset[Kind]().union(*(kinds(inner) for inner in rules))
    return _EVERY


def kind_of_type(name: str) -> Kind | None:
    """Return what values of a worker's type are, such as ``str`` or ``list[str]``; None for others."""
    return _KINDS_OF_TYPES.get(name.partition("[")[0].strip())


def never_matches(rule: Constraint, type_name: str = "") -> bool:
    """Return whether it is certain that no value, of ``type_name`` if that is known, passes ``rule``."""
    kind = kind_of_type(type_name)
    if not kinds(rule) or (kind is not None and kind not in kinds(rule)):
        return True
    if isinstance(rule, Range):
        return type_name == "int" and _lies_between_whole_numbers(rule)
    if isinstance(rule, AnyOf):
        return all(never_matches(inner, type_name) for inner in rule.rules)
    return isinstance(rule, All) and (
        any(never_matches(inner, type_name) for inner in rule.rules) or _excludes_its_texts(rule)
    )


def open_ended(rule: Constraint) -> bool:
    """Return whether ``rule`` says only what is not allowed, so that near misses of that are."""
    match rule:
        case NotOneOf() | Not():
            return True
        case AnyOf(rules):
            return any(open_ended(inner) for inner in rules)
        case All(rules):
            return all(open_ended(inner) for inner in rules)
        case Cel(expression):
            return "!=" in expression or "!(" in expression.replace(" ", "")
    return False


def _lies_between_whole_numbers(rule: Range) -> bool:
    if rule.minimum is None or rule.maximum is None:
        return False
    return rule.minimum // 1 == rule.maximum // 1 and rule.minimum % 1 > 0


def _excludes_its_texts(rule: All) -> bool:
    """Return whether one of the rules lists texts, and the others leave none of them."""
    for inner in rule.rules:
        texts = texts_of(inner)
        if texts is not None and INCIDENT_SERVICE not in texts:
            return not any(allows(rule, text) for text in texts)
    return False
