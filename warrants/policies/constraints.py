"""What an argument may be. Pure.

In YAML: the word ``anything``, or a map with one key, which says the kind (``warrants.policies.describing`` explains
each, with examples):

    exact: text                   one_of: [texts]        not_one_of: [texts]      range: {min: number, max: number}
    pattern: "deploy-*"           regex: expression      cidr: 10.0.0.0/8         url_pattern: https://host/path/*
    url_safe: {schemes: [...]}    subpath: /folder       shlex: [programs]        cel: expression
    contains: [texts]             subset: [texts]        all: [rules]             any_of: [rules]          not: rule

Each means what tenuo_core makes of it. What was measured to let near misses through is refused or narrowed here: see
docs/decisions/0054.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import tenuo_core
from tenuo.exceptions import TenuoError

from warrants.errors import PolicyError
from warrants.policies.expressions import check_expression
from warrants.policies.reading import Section

# Stands for the service of the incident that a warrant is minted for.
INCIDENT_SERVICE = "{incident.service}"
ANYTHING = "anything"
MAXIMUM_DEPTH = 3
MAXIMUM_RULES = 10
_MAXIMUM_VALUE = 200
_MAXIMUM_LISTED = 50
_MAXIMUM_PORT = 65_535
# How often the parts of a regular expression are repeated, together: Tenuo makes that many copies of them.
_MAXIMUM_REPETITION = 1_000
_MAXIMUM_WILDCARDS = 10

_CLASSES = re.compile(r"\\[wWdDsSpP]")
_REPETITION = re.compile(r"\{(\d{1,5})(?:,(\d{0,5}))?\}")
_REPEATED_GROUP = re.compile(r"[)}][?*+]*\{")
_SCHEMES = ("http", "https")
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"
_DOMAIN = re.compile(rf"(?:\*\.)?{_HOST}(?:\.{_HOST})+")
_URL = re.compile(rf"https?://{_DOMAIN.pattern}(?::\d{{1,5}})?/[A-Za-z0-9._~/*-]*")
_PROGRAM = re.compile(r"(?:/[A-Za-z0-9._+-]+)+")


@dataclass(frozen=True, slots=True)
class Exact:
    """This text and no other."""

    value: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts, exactly as they stand here."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotOneOf:
    """Any value of any type but exactly these texts."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A number between both bounds, which are included; None is no bound."""

    minimum: int | float | None
    maximum: int | float | None

    def holds(self, other: Range) -> bool:
        """Return whether every number in ``other`` is in this range."""
        low = self.minimum is None or (other.minimum is not None and other.minimum >= self.minimum)
        high = self.maximum is None or (other.maximum is not None and other.maximum <= self.maximum)
        return low and high


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text with ``*`` for any characters, ``?`` for one, ``[abc]`` for one of these; the whole text."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Regex:
    """Text that a regular expression matches from its first character to its last."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Cidr:
    """An address, as text, in this network."""

    network: str


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """A web address with this scheme and host, and a path like this."""

    pattern: str


@dataclass(frozen=True, slots=True)
class UrlSafe:
    """A web address that is not an internal one. Empty ``domains`` and ``ports`` mean any."""

    schemes: tuple[str, ...]
    domains: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Subpath:
    """A path in this folder or the folder itself, as it is written: links are not followed."""

    root: str


@dataclass(frozen=True, slots=True)
class Shlex:
    """A command line of one of these programs without anything that a shell would act on."""

    programs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """A list with all these texts in it, and whatever else."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subset:
    """A list of nothing but these texts; the empty one too."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    """What every one of the rules allows."""

    rules: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What one of the rules allows."""

    rules: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """What the rule does not allow."""

    rule: Constraint


@dataclass(frozen=True, slots=True)
class Cel:
    """What an expression over ``value`` says yes to (``warrants.policies.expressions``)."""

    expression: str


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value of any type."""


Constraint: TypeAlias = (
    Exact
    | OneOf
    | NotOneOf
    | Range
    | Pattern
    | Regex
    | Cidr
    | UrlPattern
    | UrlSafe
    | Subpath
    | Shlex
    | Contains
    | Subset
    | All
    | AnyOf
    | Not
    | Cel
    | Anything
)


def parse(within: Section, name: str, depth: int = 0) -> Constraint:
    """Return the constraint ``name`` of ``within``. Raises ``PolicyError``."""
    if within.item(name) == ANYTHING and depth == 0:
        return Anything()
    if depth > MAXIMUM_DEPTH:
        raise PolicyError(within.at(name), f"Rules stand within each other {MAXIMUM_DEPTH} deep at most.")
    section = within.section(name)
    section.only(*_PARSERS, *_COMBINED)
    if len(section.values) != 1:
        raise PolicyError(section.path, "Give exactly one rule. For several at once write all: [...].")
    kind = next(iter(section.values))
    return _PARSERS[kind](section, kind) if kind in _PARSERS else _COMBINED[kind](section, kind, depth)


def _texts(section: Section, name: str) -> tuple[str, ...]:
    values = section.texts(name, maximum=_MAXIMUM_VALUE)
    for index, value in enumerate(values):
        _require_fillable(f"{section.at(name)}[{index}]", value)
    return values


def _exact(section: Section, name: str) -> Exact:
    value = section.text(name, maximum=_MAXIMUM_VALUE)
    _require_fillable(section.at(name), value)
    return Exact(value)


def _require_fillable(path: str, value: str) -> None:
    if ("{" in value or "}" in value) and value != INCIDENT_SERVICE:
        raise PolicyError(path, f"The only value that can be filled in is {INCIDENT_SERVICE}, standing alone.")


def _range(outer: Section, name: str) -> Range:
    section = outer.section(name)
    section.only("min", "max")
    bounds = Range(section.number("min"), section.number("max"))
    if bounds.minimum is not None and bounds.maximum is not None and bounds.minimum > bounds.maximum:
        raise PolicyError(section.path, "min is greater than max, so that no number fits. Swap them.")
    return bounds


def _pattern(section: Section, name: str) -> Pattern:
    pattern = section.text(name, maximum=_MAXIMUM_VALUE)
    if not pattern.strip("*?"):
        raise PolicyError(section.at(name), "This fits any text. Write anything if that is meant.")
    if "{" in pattern or "}" in pattern:
        raise PolicyError(section.at(name), "Braces are no alternatives here. Write any_of with a pattern for each.")
    if pattern.count("*") > _MAXIMUM_WILDCARDS or "**" in pattern:
        raise PolicyError(section.at(name), f"A pattern has at most {_MAXIMUM_WILDCARDS} *, none beside another.")
    return _taken(section.at(name), Pattern(pattern), lambda: tenuo_core.Pattern(pattern))


def _regex(section: Section, name: str) -> Regex:
    pattern, path = section.text(name, maximum=_MAXIMUM_VALUE), section.at(name)
    if "(?" in pattern.replace("(?:", ""):
        raise PolicyError(
            path, "Only (?:...) may follow a bracket: flags make an expression match what it does not say."
        )
    if INCIDENT_SERVICE in pattern:
        raise PolicyError(path, f"{INCIDENT_SERVICE} is filled in where texts are listed, with one_of or exact.")
    if _CLASSES.search(pattern):
        raise PolicyError(path, r"\w, \d, \s and \p mean those of every script, look-alikes too. Write [A-Za-z0-9_].")
    if _REPEATED_GROUP.search(pattern):
        raise PolicyError(path, "A group is repeated with * or +, and a single character with numbers in braces.")
    if sum(int(most or least) for least, most in _REPETITION.findall(pattern)) > _MAXIMUM_REPETITION:
        raise PolicyError(path, f"The numbers in braces must be {_MAXIMUM_REPETITION} together at most.")
    rule = _taken(path, Regex(pattern), lambda: tenuo_core.Regex(pattern))
    return _taken(path, rule, lambda: tenuo_core.Regex(whole(pattern)))


def whole(pattern: str) -> str:
    """Return the regular expression that matches only whole texts: Tenuo finds ``prod`` in ``reproduce``."""
    return rf"\A(?:{pattern})\z"


def _cidr(section: Section, name: str) -> Cidr:
    network = section.text(name, maximum=_MAXIMUM_VALUE)
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise PolicyError(
            section.at(name), "A network is like 10.0.0.0/8 or 2001:db8::/32, with nothing set behind the prefix."
        ) from error
    return _taken(section.at(name), Cidr(network), lambda: tenuo_core.Cidr(network))


def _url_pattern(section: Section, name: str) -> UrlPattern:
    pattern = section.text(name, maximum=_MAXIMUM_VALUE)
    if not _URL.fullmatch(pattern) or pattern.count("*") > _MAXIMUM_WILDCARDS:
        raise PolicyError(
            section.at(name),
            "This must be like https://api.example.com/v1/* or https://*.example.com/*, in lower case up to the path.",
        )
    return _taken(section.at(name), UrlPattern(pattern), lambda: tenuo_core.UrlPattern(pattern))


def _url_safe(outer: Section, name: str) -> UrlSafe:
    section = outer.section(name)
    section.only("schemes", "domains", "ports")
    schemes = section.texts("schemes", maximum=_MAXIMUM_VALUE)
    for index, scheme in enumerate(schemes):
        if scheme not in _SCHEMES:
            raise PolicyError(f"{section.at('schemes')}[{index}]", "A scheme is http or https.")
    domains = section.texts("domains", maximum=_MAXIMUM_VALUE) if "domains" in section.values else ()
    for index, domain in enumerate(domains):
        if not _DOMAIN.fullmatch(domain):
            raise PolicyError(
                f"{section.at('domains')}[{index}]", "A domain is like example.com or *.example.com, in lower case."
            )
    return UrlSafe(schemes, domains, _ports(section))


def _ports(section: Section) -> tuple[int, ...]:
    if "ports" not in section.values:
        return ()
    ports = section.item("ports")
    if not isinstance(ports, list) or not 1 <= len(ports) <= _MAXIMUM_LISTED:
        raise PolicyError(section.at("ports"), f"ports must be a list of 1 to {_MAXIMUM_LISTED} numbers.")
    numbered = Section({f"ports[{index}]": port for index, port in enumerate(ports)}, section.path)
    return tuple(numbered.whole_number(at, minimum=1, maximum=_MAXIMUM_PORT) for at in numbered.values)


def _subpath(section: Section, name: str) -> Subpath:
    root = section.text(name, maximum=_MAXIMUM_VALUE)
    if not root.startswith("/") or root in ("/", "//") or posixpath.normpath(root) != root or "\\" in root:
        raise PolicyError(section.at(name), "A folder is written whole, like /var/log/app: no .., no / at its end.")
    if INCIDENT_SERVICE in root:
        raise PolicyError(section.at(name), f"{INCIDENT_SERVICE} is filled in where texts are listed, with one_of.")
    return _taken(section.at(name), Subpath(root), lambda: tenuo_core.Subpath(root))


def _shlex(section: Section, name: str) -> Shlex:
    programs = section.texts(name, maximum=_MAXIMUM_VALUE)
    for index, program in enumerate(programs):
        if not _PROGRAM.fullmatch(program) or posixpath.normpath(program) != program:
            raise PolicyError(
                f"{section.at(name)}[{index}]",
                "A program is named by its whole path, like /usr/bin/git: by its name alone it could lie anywhere.",
            )
    return Shlex(programs)


def _cel(section: Section, name: str) -> Cel:
    return Cel(check_expression(section.text(name, maximum=_MAXIMUM_VALUE), section.at(name)))


def _several(section: Section, name: str, depth: int) -> tuple[Constraint, ...]:
    rules = section.item(name)
    if not isinstance(rules, list) or not 2 <= len(rules) <= MAXIMUM_RULES:
        raise PolicyError(section.at(name), f"{name} must be a list of 2 to {MAXIMUM_RULES} rules.")
    numbered = Section({f"{name}[{index}]": rule for index, rule in enumerate(rules)}, section.path)
    return tuple(parse(numbered, at, depth + 1) for at in numbered.values)


def _not(section: Section, name: str, depth: int) -> Not:
    rule = parse(section, name, depth + 1)
    if isinstance(rule, Not):
        raise PolicyError(section.at(name), "This takes back what the not around it says. Leave both out.")
    return Not(rule)


_Rule = TypeVar("_Rule")


def _taken(path: str, rule: _Rule, make: Callable[[], object]) -> _Rule:
    """Return ``rule`` if Tenuo takes it."""
    try:
        make()
    except TenuoError as error:
        raise PolicyError(
            path, "Tenuo cannot read this. Look for brackets that stay open, and what it lacks."
        ) from error
    return rule


_PARSERS: dict[str, Callable[[Section, str], Constraint]] = {
    "one_of": lambda section, name: OneOf(_texts(section, name)),
    "range": _range,
    "exact": _exact,
    "not_one_of": lambda section, name: NotOneOf(_texts(section, name)),
    "pattern": _pattern,
    "regex": _regex,
    "cidr": _cidr,
    "url_pattern": _url_pattern,
    "url_safe": _url_safe,
    "subpath": _subpath,
    "shlex": _shlex,
    "contains": lambda section, name: Contains(_texts(section, name)),
    "subset": lambda section, name: Subset(_texts(section, name)),
    "cel": _cel,
}
_COMBINED: dict[str, Callable[[Section, str, int], Constraint]] = {
    "all": lambda section, name, depth: All(_several(section, name, depth)),
    "any_of": lambda section, name, depth: AnyOf(_several(section, name, depth)),
    "not": _not,
}
