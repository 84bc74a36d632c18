"""When enough people have approved a call, and when denials have made that impossible.

The server that records decisions, the workflow that waits for them and the auditor ask the same question of the
same warrant, so that they cannot disagree:

    extensions["countersign.same_person"] = canonical CBOR of [[key, key, ...], ...]: the approvers' keys of those
                                            people who have several, each 32 bytes, in ascending order

It is written into the root warrant when somebody is named with two keys or more; a key that it does not list
is the only one of its person. The issuer's word ends requests sooner, and lets none run: approvals are counted by
the endorsements of people's keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tenuo_core

from audit.statements import cbor
from audit.statements.delegation import approvers, parties
from audit.statements.statements import MalformedStatement, require_bytes
from audit.statements.terms import terms_of

EXTENSION = "countersign.same_person"


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whose keys may approve, and of how many people. Keys are 32 bytes.

    ``first_keys`` maps each key of a person who has several to the first of them, which stands for the person.
    """

    keys: frozenset[bytes]
    threshold: int
    one_denial_ends: bool = False
    first_keys: Mapping[bytes, bytes] = field(default_factory=dict)

    def person_of(self, key: bytes) -> bytes:
        """Return the key that stands for the person whose key this is."""
        return self.first_keys.get(key, key)

    def people(self, keys: Iterable[bytes]) -> frozenset[bytes]:
        """Return who may approve among the owners of ``keys``."""
        return frozenset(self.person_of(key) for key in keys if key in self.keys)

    def possible(self, denied: Iterable[bytes]) -> int:
        """Return how many people's approvals there can be at most, when the owners of ``denied`` have denied."""
        return len(self.people(self.keys) - self.people(denied))

    def is_impossible(self, denied: Iterable[bytes]) -> bool:
        """Return whether denials by the owners of ``denied`` end the request."""
        denied = self.people(denied)
        return bool(denied) and (self.one_denial_ends or self.possible(denied) < self.threshold)


def quorum_of(chain: Sequence[tenuo_core.Warrant]) -> Quorum:
    """Return whose approvals the leaf of ``chain`` (root first) asks for. Raises ``MalformedStatement``."""
    data = chain[0].extension(EXTENSION)
    return Quorum(
        keys=approvers(chain[-1]) - parties(chain),
        threshold=chain[-1].approval_threshold(),
        one_denial_ends=terms_of(chain).one_denial_ends,
        first_keys={} if data is None else _read(bytes(data)),
    )


def same_person(keys: Iterable[tuple[bytes, str]]) -> bytes:
    """Return the extension for keys with their people, or nothing if nobody has several."""
    by_person: dict[str, set[bytes]] = {}
    for key, person in keys:
        by_person.setdefault(person, set()).add(key)
    groups = sorted(sorted(own) for own in by_person.values() if len(own) > 1)
    return cbor.encode(groups) if groups else b""


def _read(data: bytes) -> dict[bytes, bytes]:
    try:
        groups = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement("same_person", f"The warrant's same_person cannot be read. {error}") from error
    if not isinstance(groups, list):
        raise MalformedStatement("same_person", "The warrant's same_person is not a list.")
    first_keys: dict[bytes, bytes] = {}
    for group in groups:
        for key in _group(group):
            if first_keys.setdefault(key, group[0]) != group[0]:
                raise MalformedStatement("same_person", "The warrant's same_person gives a key to two people.")
    return first_keys


def _group(value: Any) -> list[bytes]:
    if not isinstance(value, list) or len(value) < 2:
        raise MalformedStatement("same_person", "The warrant's same_person names a person with fewer than two keys.")
    return [require_bytes("same_person", key, 32) for key in value]
