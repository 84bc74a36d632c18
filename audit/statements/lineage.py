"""Who gave what to whom: a warrant chain, link by link, and what each child lost of its parent. Pure.

Computed from the warrants' bytes alone. Whether they verify is for others to ask; a child that does has never more
than its parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import tenuo_core

from audit.statements import cbor
from audit.statements.constraint_words import describe

# The payload's keys, see Tenuo's warrant format.
_TOOLS, _HOLDER, _ISSUER, _ISSUED_AT, _EXPIRES_AT, _MAXIMUM_DEPTH = 3, 4, 5, 6, 7, 8
_EXTENSIONS, _APPROVERS, _THRESHOLD, _DEPTH = 10, 15, 16, 18
_GATES = "tenuo.approval_gates"
_ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """An argument of a tool that may be less than before: what it might be, and what it may be now, in words."""

    tool: str
    argument: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Loss:
    """What a child has less than its parent. ``gated`` are tools that stop for people more often; ``seconds`` earlier
    it ends."""

    tools: tuple[str, ...]
    narrowed: tuple[Narrowed, ...]
    gated: tuple[str, ...]
    more_people: bool
    seconds: int
    ends_here: bool

    def __bool__(self) -> bool:
        return bool(self.tools or self.narrowed or self.gated or self.more_people or self.seconds or self.ends_here)


@dataclass(frozen=True, slots=True)
class Link:
    """One warrant: ``issuer`` signed it for ``holder`` (32 bytes each). Times are UTC seconds.

    ``lost`` is None for the first. ``may_hand_on``: whether its holder can give another one.
    """

    id: str
    issuer: bytes
    holder: bytes
    issued_at: int
    expires_at: int
    tools: tuple[str, ...]
    may_hand_on: bool
    lost: Loss | None = None


def lineage_of(chain: Sequence[bytes]) -> list[Link]:
    """Return the links of ``chain``, root first. Raises ``ValueError`` if a warrant cannot be read."""
    read = [_read(data) for data in chain]
    losses = [None, *(_loss(parent, child) for (_, parent), (_, child) in pairwise(read))]
    return [_link(name, facts, loss) for (name, facts), loss in zip(read, losses, strict=True)]


def _read(data: bytes) -> tuple[str, dict[int, Any]]:
    try:
        warrant = tenuo_core.Warrant.from_bytes(data)
    except Exception as error:
        raise ValueError(f"A warrant cannot be read: {error}") from error
    return str(warrant.id), cbor.decode_loosely(bytes(warrant.payload_bytes))


def _link(name: str, facts: Mapping[int, Any], loss: Loss | None) -> Link:
    return Link(
        id=name,
        issuer=facts[_ISSUER][1],
        holder=facts[_HOLDER][1],
        issued_at=facts[_ISSUED_AT],
        expires_at=facts[_EXPIRES_AT],
        tools=tuple(sorted(facts.get(_TOOLS, {}))),
        may_hand_on=_may_hand_on(facts),
        lost=loss,
    )


def _loss(parent: Mapping[int, Any], child: Mapping[int, Any]) -> Loss:
    had, has = parent.get(_TOOLS, {}), child.get(_TOOLS, {})
    before, after = _gates(parent), _gates(child)
    return Loss(
        tools=tuple(sorted(set(had) - set(has))),
        narrowed=tuple(line for tool in sorted(set(had) & set(has)) for line in _narrowed(tool, had[tool], has[tool])),
        gated=tuple(sorted(tool for tool in set(has) & set(after) if after[tool] != before.get(tool))),
        more_people=_people(child) > _people(parent),
        seconds=parent[_EXPIRES_AT] - child[_EXPIRES_AT],
        ends_here=_may_hand_on(parent) and not _may_hand_on(child),
    )


def _narrowed(tool: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Narrowed]:
    had, has = before["constraints"], after["constraints"]
    for argument in sorted(set(had) | set(has)):
        old, new = had.get(argument), has.get(argument)
        if cbor.encode(old) != cbor.encode(new):
            yield Narrowed(tool, argument, _words(old), _words(new))


def _words(constraint: Any) -> str:
    return _ANYTHING if constraint is None else describe(constraint)


def _gates(facts: Mapping[int, Any]) -> dict[str, Any]:
    data = facts.get(_EXTENSIONS, {}).get(_GATES)
    return {} if data is None else dict(cbor.decode_loosely(bytes(data)))


def _people(facts: Mapping[int, Any]) -> int:
    return int(facts.get(_THRESHOLD, len(facts.get(_APPROVERS, ()))))


def _may_hand_on(facts: Mapping[int, Any]) -> bool:
    return bool(facts.get(_DEPTH, 0) < facts.get(_MAXIMUM_DEPTH, 64))
