"""What Tenuo makes of a constraint, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import tenuo_core
from tenuo.exceptions import TenuoError

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
    whole,
)

TenuoConstraint: TypeAlias = (
    tenuo_core.Exact
    | tenuo_core.OneOf
    | tenuo_core.NotOneOf
    | tenuo_core.Range
    | tenuo_core.Pattern
    | tenuo_core.Regex
    | tenuo_core.Cidr
    | tenuo_core.UrlPattern
    | tenuo_core.UrlSafe
    | tenuo_core.Subpath
    | tenuo_core.Shlex
    | tenuo_core.Contains
    | tenuo_core.Subset
    | tenuo_core.All
    | tenuo_core.AnyOf
    | tenuo_core.Not
    | tenuo_core.CEL
    | tenuo_core.Wildcard
)
_TOOL, _ARGUMENT = "tool", "argument"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Call:
    """How one of Tenuo's constraints is made: the name of its class, and what that is given.

    Among the arguments are texts, numbers, None, lists of texts or of calls, and calls. Texts may be
    ``INCIDENT_SERVICE``, in whose place the incident's service stands.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def compiled(rule: Constraint, service: str = INCIDENT_SERVICE) -> TenuoConstraint:
    """Return Tenuo's form of ``rule`` for an incident of ``service``."""
    made: TenuoConstraint = _made(call_of(rule), service)
    return made


def allows(rule: Constraint, value: object, service: str = INCIDENT_SERVICE) -> bool:
    """Return whether a warrant with ``rule``, for an incident of ``service``, allows ``value``: Tenuo's own answer."""
    warrant = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.generate(),
        capabilities={_TOOL: {_ARGUMENT: compiled(rule, service)}},
        ttl_seconds=_SECONDS,
    )
    return warrant.check_constraints(_TOOL, {_ARGUMENT: value}) is None


def is_within(inner: Constraint, outer: Constraint) -> bool:
    """Return whether Tenuo lets a warrant with ``outer`` be handed on with ``inner``.

    Where Tenuo cannot compare two rules, that is a no.
    """
    holder = tenuo_core.SigningKey.generate()
    warrant = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.generate(),
        capabilities={_TOOL: {_ARGUMENT: compiled(outer)}},
        ttl_seconds=_SECONDS,
        holder=holder.public_key,
    )
    builder = warrant.attenuate_builder()
    builder.with_capability(_TOOL, {_ARGUMENT: compiled(inner)})
    builder.with_holder(tenuo_core.SigningKey.generate().public_key)
    try:
        builder.delegate(holder)
    except TenuoError:
        return False
    return True


def call_of(rule: Constraint) -> Call:
    """Return how Tenuo's form of ``rule`` is made."""
    match rule:
        case Exact(value):
            return Call("Exact", (value,))
        case OneOf(values):
            return Call("OneOf", (list(values),))
        case NotOneOf(values):
            return Call("NotOneOf", (list(values),))
        case Range(minimum, maximum):
            return Call("Range", (minimum, maximum))
        case Pattern(pattern):
            return Call("Pattern", (pattern,))
        case Regex(pattern):
            return Call("Regex", (whole(pattern),))
        case Cidr(network):
            return Call("Cidr", (network,))
        case UrlPattern(pattern):
            return Call("UrlPattern", (pattern,))
        case UrlSafe():
            return _url_safe(rule)
        case Subpath(root):
            return Call("Subpath", (root,))
        case Shlex(programs):
            return Call("Shlex", (list(programs),))
        case Contains(values):
            return Call("Contains", (list(values),))
        case Subset(values):
            return Call("Subset", (list(values),))
        case All(rules):
            return Call("All", ([call_of(inner) for inner in rules],))
        case AnyOf(rules):
            return Call("AnyOf", ([call_of(inner) for inner in rules],))
        case Not(inner):
            return Call("Not", (call_of(inner),))
        case Cel(expression):
            return Call("CEL", (expression,))
        case Anything():
            return Call("Wildcard")


def _url_safe(rule: UrlSafe) -> Call:
    return Call(
        "UrlSafe",
        keywords={
            "allow_schemes": list(rule.schemes),
            "allow_domains": list(rule.domains) or None,
            "allow_ports": list(rule.ports) or None,
            # Tenuo lets these through if it is not told.
            "block_internal_tlds": True,
        },
    )


def _made(part: Any, service: str) -> Any:
    if isinstance(part, Call):
        arguments = [_made(argument, service) for argument in part.arguments]
        keywords = {name: _made(argument, service) for name, argument in part.keywords.items()}
        return getattr(tenuo_core, part.name)(*arguments, **keywords)
    if isinstance(part, list):
        filled = [_made(item, service) for item in part]
        return list(dict.fromkeys(filled)) if INCIDENT_SERVICE in part else filled
    return service if part == INCIDENT_SERVICE else part
