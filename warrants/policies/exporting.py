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

{imports}import tenuo_core

LIFETIMES = {lifetimes!r}  # seconds, by the incident's severity
MIN_APPROVALS = {min_approvals}
{parties}

def mint(issuer, holder, approvers, *, severity, service):
    """Return the warrant. ``issuer`` is a SigningKey, ``holder`` and ``approvers`` are PublicKeys."""
    {result} tenuo_core.Warrant.issue(
        issuer,
        capabilities=capabilities(service),
        ttl_seconds=LIFETIMES[severity],
        holder=holder,
        required_approvers=approvers,
        min_approvals=MIN_APPROVALS,
        approval_gates=approval_gates(),
    )
'''
# Tenuo makes warrants that may be handed on 64 times, and takes no other number: it is put in, and all signed anew.
_HANDED_ON = """\
    return handed_on_at_most({sub_agents}, warrant, issuer)


def handed_on_at_most(times, warrant, issuer):
    \"\"\"Return ``warrant`` as one that may be handed on so many ``times``, signed by its issuer.\"\"\"
    expires_at = int(datetime.fromisoformat(warrant.expires_at()).timestamp())
    before, end, after = bytes(warrant.payload_bytes).partition(b"\\x07\\x1a" + expires_at.to_bytes(4, "big"))
    assert after.startswith(b"\\x08\\x18\\x40"), "This Tenuo writes warrants otherwise."
    payload = before + end + bytes([8, times]) + after[3:]
    signature = bytes(issuer.sign_raw(b"tenuo-warrant-v1\\x01" + payload))
    header, width = next(one for one in ((0x58, 1), (0x59, 2), (0x5A, 4)) if len(payload) < 256 ** one[1])
    signed = bytes([0x83, 1, header]) + len(payload).to_bytes(width, "big") + payload
    return tenuo_core.Warrant.from_bytes(signed + b"\\x82\\x01\\x58\\x40" + signature)
"""
_AGENTS = """\
AGENTS = {agents!r}  # the only ones that may hold it: give the key of one of them
"""
_APPROVERS = """\
APPROVERS = {approvers!r}  # the only people who may approve: give keys of theirs
"""


def python_of(policy: Policy) -> str:
    """Return a Python module that mints the same warrants as ``policy``, with the function ``mint``."""
    is_limited = policy.sub_agents is not None
    head = _HEAD.format(
        name=policy.name,
        version=policy.version,
        digest=policy.digest.hex(),
        imports="from datetime import datetime\n\n" if is_limited else "",
        lifetimes=dict(policy.lifetimes),
        min_approvals=policy.min_approvals,
        parties=_parties(policy),
        result="warrant =" if is_limited else "return",
    )
    if is_limited:
        head += _HANDED_ON.format(sub_agents=policy.sub_agents)
    return "\n".join([head, "", *_capabilities(policy), "", "", *_gates(policy), ""])


def _parties(policy: Policy) -> str:
    agents = _AGENTS.format(agents=policy.agents) if policy.agents else ""
    return agents + (_APPROVERS.format(approvers=policy.approvers) if policy.approvers else "")


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
