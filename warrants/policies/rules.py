"""Policies: what an agent may do about one kind of task, and what stops for a person. Pure.

name: incident-response
version: 1                      raised with every change
lifetimes: {critical: 1 h}      of a warrant, by the incident's severity: "N s", "N min" or "N h"
min_approvals: 1                people who must approve a call that stops
approver_key_strength: strong   keys that are asked for: "ordinary" (any key, the default) or "strong"
endorsers: 1                    people who must have endorsed an approver's key; may be left out
step_up_seconds: 300            optional: approving needs a passkey or provider sign-in at most this old
approval_seconds: 300           optional: the longest life of an approval's signature
reading_seconds: 20             optional: how long an approver must have had the request open
approvals_per_hour: 10          optional: how many requests one person may approve in an hour
one_denial_ends: true           optional: one denial ends a request, even if others could still approve it
agents: [incident-agent]        optional: the only agents that may hold a warrant
sub_agents: 1                   optional: how many times a warrant may be handed on; 0 not at all
approvers: [ada@example.com]    optional: the only people who may approve, by external id or e-mail address
tools:
  NAME:                                    an activity, or nexus:ENDPOINT:SERVICE:OPERATION, which has no gate:
    arguments: {ARGUMENT: constraint}      every argument of the tool; a call with any other is refused
    gate: ...                              see ``warrants.policies.gates``
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from accounts.keys.contracts import KeyStrength
from accounts.people.names import is_exact
from warrants.errors import PolicyError
from warrants.policies.constraints import Constraint, parse
from warrants.policies.gates import Gate, parse_gate
from warrants.policies.reading import Section, read

__all__ = ["Policy", "PolicyError", "Tool", "parse_policy", "policy_name"]

SHORTEST_LIFETIME, LONGEST_LIFETIME = 60, 24 * 3600
MAXIMUM_APPROVALS = 10
MAXIMUM_ENDORSERS = 5
SHORTEST_STEP_UP, LONGEST_STEP_UP = 30, 3600
SHORTEST_APPROVAL, LONGEST_APPROVAL = 30, 24 * 3600
LONGEST_READING = 600
MOST_PER_HOUR = 1000
MAXIMUM_TOOLS = 100
MAXIMUM_AGENTS = 20
MAXIMUM_SUB_AGENTS = 16
# What Tenuo lets a warrant be handed on if nothing is said.
UNLIMITED_SUB_AGENTS = 64
MAXIMUM_NAMED = 100
MAXIMUM_NAME = 320

_POLICY_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# An activity of this worker, or an operation of another team's: nexus:ENDPOINT:SERVICE:OPERATION.
_TOOL = re.compile(rf"{_NAME.pattern}|nexus(:[a-z][a-z0-9-]{{0,62}}){{3}}")
_TOOL_FORM = "1 to 64 lower-case letters, digits and _, beginning with a letter, or nexus:ENDPOINT:SERVICE:OPERATION"
_NAME_FORM = "1 to 64 lower-case letters, digits and _, beginning with a letter"
_LIFETIME = re.compile(r"(\d{1,6}) ?(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's arguments, all of them, and its gate if it has one."""

    arguments: Mapping[str, Constraint]
    gate: Gate | None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was checked. ``text`` is its YAML, ``digest`` SHA-256 of it, ``lifetimes`` are seconds by severity.

    ``step_up_seconds`` is how old a person's second factor may be when they approve; None: none is asked for.
    ``approval_seconds`` is how long an approval's signature may live; None: as long as this installation allows.
    ``reading_seconds`` is how long an approver must have had the request open, ``approvals_per_hour`` how many requests
    one person may approve in an hour; None: as short, and as many, as they like.
    ``one_denial_ends``: one denial ends a request; otherwise those that make enough approvals impossible.
    ``agents`` are the only ones that may hold a warrant, ``approvers`` the only people who may approve; empty: any.
    ``sub_agents`` is how many times a warrant may be handed on; None: ``UNLIMITED_SUB_AGENTS`` times.
    """

    name: str
    version: int
    text: str = field(repr=False)
    digest: bytes
    lifetimes: Mapping[str, int]
    min_approvals: int
    approver_key_strength: KeyStrength
    endorsers: int
    tools: Mapping[str, Tool]
    step_up_seconds: int | None = None
    approval_seconds: int | None = None
    one_denial_ends: bool = False
    reading_seconds: int | None = None
    approvals_per_hour: int | None = None
    agents: tuple[str, ...] = ()
    sub_agents: int | None = None
    approvers: tuple[str, ...] = ()

    @property
    def confirmed_arguments(self) -> dict[str, str]:
        """The argument whose value is typed to approve, by tool."""
        return {name: tool.gate.confirm for name, tool in self.tools.items() if tool.gate and tool.gate.confirm}


@lru_cache(maxsize=32)
def parse_policy(text: str) -> Policy:
    """Return the policy in ``text``. Raises ``PolicyError`` naming the first place that is malformed or unsafe.

    Minting parses again what it parsed before, so the last ones are kept.
    """
    section = read(text)
    section.only(*READERS)
    policy = Policy(
        text=text,
        digest=hashlib.sha256(text.encode()).digest(),
        **{name: reader(section) for name, reader in READERS.items()},
    )
    if policy.approvers and len(policy.approvers) < policy.min_approvals:
        raise PolicyError(
            "approvers",
            f"min_approvals asks for {policy.min_approvals} people; {len(policy.approvers)} may approve. Name more.",
        )
    return policy


def _whole(section: Section, name: str, minimum: int, maximum: int) -> int | None:
    return section.whole_number(name, minimum=minimum, maximum=maximum) if name in section.values else None


def _agents(section: Section) -> tuple[str, ...]:
    return _listed(section, "agents", most=MAXIMUM_AGENTS, maximum=64)


def _approvers(section: Section) -> tuple[str, ...]:
    names = _listed(section, "approvers", most=MAXIMUM_NAMED, maximum=MAXIMUM_NAME)
    for index, name in enumerate(names):
        if not is_exact(name):
            raise PolicyError(
                f"{section.at('approvers')}[{index}]",
                "Name people by their external id, like local:ada, or their e-mail address: what they are shown as is "
                "not theirs alone.",
            )
    return names


def _listed(section: Section, name: str, *, most: int, maximum: int) -> tuple[str, ...]:
    """Return the texts ``name``, or none if there is no such line. Raises ``PolicyError``."""
    if name not in section.values:
        return ()
    texts = section.texts(name, maximum=maximum)
    if len(texts) > most:
        raise PolicyError(section.at(name), f"{name} has room for {most}.")
    return texts


def policy_name(name: str) -> str:
    """Return ``name`` if a policy may have it. Raises ``PolicyError``."""
    if not _POLICY_NAME.fullmatch(name):
        raise PolicyError("name", "The name must be lower-case letters, digits and -, beginning with a letter.")
    return name


def is_tool_name(name: str) -> bool:
    return bool(_TOOL.fullmatch(name))


def is_argument_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name))


def _strength(section: Section) -> KeyStrength:
    name = "approver_key_strength"
    value = section.text(name, maximum=20) if name in section.values else KeyStrength.ORDINARY
    if value not in list(KeyStrength):
        raise PolicyError(section.at(name), "A key's strength is ordinary or strong.")
    return KeyStrength(value)


def _lifetimes(section: Section) -> dict[str, int]:
    return {severity: lifetime(section, severity) for severity in section.values}


def lifetime(section: Section, severity: str) -> int:
    """Return the seconds of one of the lifetimes. Raises ``PolicyError``."""
    section.named(severity, _NAME, _NAME_FORM)
    match = _LIFETIME.fullmatch(section.text(severity, maximum=20))
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not SHORTEST_LIFETIME <= seconds <= LONGEST_LIFETIME:
        raise PolicyError(section.at(severity), 'A lifetime is like "30 min", from 1 min to 24 h.')
    return seconds


def _tools(section: Section) -> dict[str, Tool]:
    require_few(section)
    return {name: _tool(section, name) for name in section.values}


def require_few(section: Section) -> None:
    """Raise ``PolicyError`` for more tools than a warrant takes."""
    if len(section.values) > MAXIMUM_TOOLS:
        raise PolicyError(section.path, f"A policy has at most {MAXIMUM_TOOLS} tools. Split it.")


def _tool(within: Section, name: str) -> Tool:
    section = tool_section(within, name)
    # At least one: to Tenuo, a tool without constraints takes any arguments.
    declared = section.section("arguments")
    arguments = {argument: argument_of(declared, argument) for argument in declared.values}
    return Tool(arguments, gate_of(section, name, arguments))


def tool_section(within: Section, name: str) -> Section:
    """Return the map of one tool. Raises ``PolicyError``."""
    section = within.section(within.named(name, _TOOL, _TOOL_FORM))
    section.only("arguments", "gate")
    return section


def argument_of(declared: Section, name: str) -> Constraint:
    """Return what one of a tool's arguments may be. Raises ``PolicyError``."""
    return parse(declared, declared.named(name, _NAME, _NAME_FORM))


def gate_of(section: Section, tool: str, arguments: Mapping[str, Constraint]) -> Gate | None:
    """Return the gate of a tool with ``arguments``, if it has one. Raises ``PolicyError``."""
    if "gate" not in section.values:
        return None
    gate = parse_gate(section.section("gate"), arguments)
    if ":" in tool:
        raise PolicyError(
            section.at("gate"), "Who approves another team's operation says that team's policy. Take the gate out."
        )
    return gate


# What each line of a policy is read with.
READERS: dict[str, Callable[[Section], Any]] = {
    "name": lambda section: policy_name(section.text("name", maximum=64)),
    "version": lambda section: section.whole_number("version", minimum=1, maximum=2**31 - 1),
    "lifetimes": lambda section: _lifetimes(section.section("lifetimes")),
    "min_approvals": lambda section: section.whole_number("min_approvals", minimum=1, maximum=MAXIMUM_APPROVALS),
    "approver_key_strength": _strength,
    "endorsers": lambda section: _whole(section, "endorsers", 1, MAXIMUM_ENDORSERS) or 1,
    "step_up_seconds": lambda section: _whole(section, "step_up_seconds", SHORTEST_STEP_UP, LONGEST_STEP_UP),
    "approval_seconds": lambda section: _whole(section, "approval_seconds", SHORTEST_APPROVAL, LONGEST_APPROVAL),
    "one_denial_ends": lambda section: "one_denial_ends" in section.values and section.flag("one_denial_ends"),
    "reading_seconds": lambda section: _whole(section, "reading_seconds", 1, LONGEST_READING),
    "approvals_per_hour": lambda section: _whole(section, "approvals_per_hour", 1, MOST_PER_HOUR),
    "agents": _agents,
    "sub_agents": lambda section: _whole(section, "sub_agents", 0, MAXIMUM_SUB_AGENTS),
    "approvers": _approvers,
    "tools": lambda section: _tools(section.section("tools")),
}
