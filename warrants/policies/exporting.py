"""A policy as Python that mints the same warrant with nothing but Tenuo. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from warrants.policies.compiling import Call, call_of
from warrants.policies.constraints import INCIDENT_SERVICE, Constraint
from warrants.policies.gates import Form, Gate
from warrants.policies.rules import Policy

_HEAD = '''\
"""The policy {name}, version {version}, as Python: SHA-256 of its text is {digest}.

``mint`` makes what Countersign's own minting makes of it: the same capabilities, gates, approvals and lifetimes. Only
ids, keys and times differ, and what Countersign adds for itself (docs/policies.md).
"""

import tenuo_core

LIFETIMES = {lifetimes!r}  # seconds, by the incident's severity
MIN_APPROVALS = {min_approvals}


def mint(issuer, holder, approvers, *, severity, service):
    """Return the warrant. ``issuer`` is a SigningKey, ``holder`` and ``approvers`` are PublicKeys."""
    return tenuo_core.Warrant.issue(
        issuer,
        capabilities=capabilities(service),
        ttl_seconds=LIFETIMES[severity],
        holder=holder,
        required_approvers=approvers,
        min_approvals=MIN_APPROVALS,
        approval_gates=approval_gates(),
    )
'''


def python_of(policy: Policy) -> str:
    """Return a Python module that mints the same warrants as ``policy``, with the function ``mint``."""
    head = _HEAD.format(
        name=policy.name,
        version=policy.version,
        digest=policy.digest.hex(),
        lifetimes=dict(policy.lifetimes),
        min_approvals=policy.min_approvals,
    )
    return "\n".join([head, "", *_capabilities(policy), "", "", *_gates(policy), ""])


def _capabilities(policy: Policy) -> Iterator[str]:
    yield "def capabilities(service):"
    yield '    """Return what may be called, for an incident of ``service``."""'
    yield "    return {"
    for name, tool in policy.tools.items():
        yield f"        {name!r}: {{"
        yield from (f"            {line}" for line in _entries(tool.arguments))
        yield "        },"
    yield "    }"


def _gates(policy: Policy) -> Iterator[str]:
    yield "def approval_gates():"
    yield '    """Return which of the calls stop for a person."""'
    yield "    return {"
    for name, tool in policy.tools.items():
        if tool.gate is not None:
            yield f"        {name!r}: {{"
            yield f"            'args': {_condition(tool.gate)},"
            yield f"            'message': {tool.gate.message!r},"
            yield "        },"
    yield "    }"


def _condition(gate: Gate) -> str:
    if gate.form is Form.ALWAYS:
        return "None"
    made = {name: _source(call_of(rule)) for name, rule in gate.arguments.items()}
    if gate.form is Form.UNLESS:
        made = {name: f"{{'exempt': {source}}}" for name, source in made.items()}
    return f"{{{', '.join(f'{name!r}: {source}' for name, source in made.items())}}}"


def _entries(rules: Mapping[str, Constraint]) -> Iterator[str]:
    for name, rule in rules.items():
        yield f"{name!r}: {_source(call_of(rule))},"


def _source(part: object) -> str:
    if isinstance(part, Call):
        given = [*map(_source, part.arguments), *(f"{name}={_source(value)}" for name, value in part.keywords.items())]
        return f"tenuo_core.{part.name}({', '.join(given)})"
    if isinstance(part, list):
        listed = f"[{', '.join(map(_source, part))}]"
        return f"list(dict.fromkeys({listed}))" if INCIDENT_SERVICE in part else listed
    # Texts, numbers, truths and None, which Python writes and reads without loss.
    return "service" if part == INCIDENT_SERVICE else repr(part)
