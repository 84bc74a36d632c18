"""Who may sign as whom: people's keys, endorsed by people. No key of the server can make such a statement.

    context   = "countersign-key-endorsement-v1"                  (see ``audit.statements.statements``)
    statement = canonical CBOR {"at": ms since 1970, "key": bytes 32, "person": external id,
                "role": "approver" | "policy_publisher" | "security_administrator",
                "strength": "ordinary" | "strong", "version": 1}

The endorser signs it in their own browser. It counts only if statements lead from a people root, a public key
known from outside, through security administrators to the key:

1. every statement has the right form, and its signature belongs to it;
2. the endorser is a people root, or is itself endorsed as a security administrator, before that;
3. nobody endorses a key of their own person (only a people root does, and it is nobody's);
4. no endorser's key was revoked when it signed;
5. no key is endorsed for two people.

Going down from the roots, a loop leads nowhere, and at most ``MAXIMUM_LINKS`` links are followed.
The browser's twin is ``static/js/lib/key-endorsements.js``; both pass ``tests/vectors``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from audit.statements.statements import (
    Context,
    MalformedStatement,
    is_blank,
    parse,
    require_bytes,
    require_text,
    require_uint,
)

MAXIMUM_ENDORSEMENTS = 64
MAXIMUM_LINKS = 8
MAXIMUM_PERSON = 320
# Browsers' clocks differ by so much, either way.
CLOCK_TOLERANCE_MS = 60_000
PEOPLE_ROOT = "people root"
_FIELDS = {"at", "key", "person", "role", "strength", "version"}


class EndorsedRole(StrEnum):
    """What a key may be endorsed for. Values are signed; none is ever reused."""

    APPROVER = "approver"
    SECURITY_ADMINISTRATOR = "security_administrator"
    POLICY_PUBLISHER = "policy_publisher"


class NotEndorsed(MalformedStatement):
    """A key that no people root stands behind; ``field`` names what is wrong, the message is for people."""


@dataclass(frozen=True, slots=True)
class KeyEndorsement:
    """One statement. ``at`` is milliseconds since 1970, ``endorser_key`` the key that signed."""

    at: int
    key: bytes
    person: str
    role: EndorsedRole
    strength: str
    endorser_key: bytes
    data: bytes

    def to_bytes(self) -> bytes:
        return self.data


@dataclass(frozen=True, slots=True)
class Endorsed:
    """Whose key it is. ``endorsers`` are the people (or ``PEOPLE_ROOT``) who say so, ``strength`` is the weakest said.

    ``statements`` are the signed envelopes that it follows from, and no others; ``at`` is the oldest of the key's own.
    """

    person: str
    strength: str
    endorsers: tuple[str, ...]
    at: int
    root: bytes
    statements: tuple[bytes, ...]


def facts_of(*, key: bytes, person: str, role: EndorsedRole, strength: str, at: int) -> dict[str, object]:
    """Return what an endorser signs, without "version"."""
    return {"at": at, "key": key, "person": person, "role": EndorsedRole(role).value, "strength": strength}


# The same few endorsements come with every decision and with every call that people let run.
@lru_cache(maxsize=1024)
def parse_endorsement(data: bytes) -> KeyEndorsement:
    """Return the statement in ``data``, its signature verified. Raises ``NotEndorsed`` naming the field."""
    try:
        envelope = parse(data)
        if set(envelope.facts) != _FIELDS:
            raise MalformedStatement("statement", "The endorsement does not have the fields it must have.")
        role = require_text("role", envelope.facts["role"], 64)
        strength = require_text("strength", envelope.facts["strength"], 16)
        person = require_text("person", envelope.facts["person"], MAXIMUM_PERSON)
        if role not in set(EndorsedRole):
            raise MalformedStatement("role", "The endorsement is for a role that is not known here.")
        if strength not in ("ordinary", "strong"):
            raise MalformedStatement("strength", "The endorsement names a strength that is not known here.")
        if is_blank(person):
            raise MalformedStatement("person", "The endorsement names nobody.")
        endorsement = KeyEndorsement(
            at=require_uint("at", envelope.facts["at"]),
            key=require_bytes("key", envelope.facts["key"], 32),
            person=person,
            role=EndorsedRole(role),
            strength=strength,
            endorser_key=envelope.signer_key,
            data=data,
        )
        envelope.verify(Context.KEY_ENDORSEMENT)
    except MalformedStatement as error:
        raise NotEndorsed(error.field, str(error)) from error
    return endorsement


def verify_chain(
    chain: Sequence[bytes],
    key: bytes,
    role: EndorsedRole,
    people_roots: Collection[bytes],
    *,
    now_ms: int | None = None,
    revoked: Mapping[bytes, int] | None = None,
) -> Endorsed:
    """Return whose ``key`` is, if ``chain`` (envelopes in any order) endorses it for ``role`` from a people root.

    Statements made after ``now_ms`` do not count. ``revoked`` says when (ms since 1970) keys were revoked: what
    they endorsed before stays. Raises ``NotEndorsed`` with a sentence.
    """
    if len(chain) > MAXIMUM_ENDORSEMENTS:
        raise NotEndorsed("endorsements", f"More than {MAXIMUM_ENDORSEMENTS} endorsements came at once.")
    statements = [parse_endorsement(data) for data in dict.fromkeys(chain)]  # 1
    search = _Search(people_roots, now_ms, revoked or {})
    search.settle(statements)
    return search.result(statements, key, role)


class _Search:
    """Settles statements from the people roots downwards, one link at a time."""

    def __init__(self, people_roots: Collection[bytes], now_ms: int | None, revoked: Mapping[bytes, int]) -> None:
        self._roots, self._now_ms, self._revoked = frozenset(people_roots), now_ms, revoked
        self._settled: list[KeyEndorsement] = []
        self._administrators: dict[bytes, KeyEndorsement] = {}

    def settle(self, statements: Iterable[KeyEndorsement]) -> None:
        waiting = list(statements)
        people: dict[bytes, str] = {}
        for _ in range(MAXIMUM_LINKS):
            fresh = [statement for statement in waiting if self._refusal(statement) is None]
            for statement in fresh:
                if people.setdefault(statement.key, statement.person) != statement.person:  # 5
                    raise NotEndorsed("person", "One key is endorsed for two people.")
                if statement.role is EndorsedRole.SECURITY_ADMINISTRATOR:
                    self._administrators.setdefault(statement.key, statement)
            self._settled += fresh
            waiting = [statement for statement in waiting if statement not in fresh]

    def result(self, statements: Sequence[KeyEndorsement], key: bytes, role: EndorsedRole) -> Endorsed:
        found = [one for one in self._settled if (one.key, one.role) == (key, role)]
        if not found:
            raise self._reason(statements, key, role)
        oldest = min(found, key=lambda one: one.at)
        return Endorsed(
            person=oldest.person,
            strength="ordinary" if any(one.strength == "ordinary" for one in found) else "strong",
            endorsers=tuple(dict.fromkeys(self._endorser(one) for one in found)),
            at=oldest.at,
            root=self._root(found[0]),
            statements=tuple(self._reached(found)),
        )

    def _refusal(self, statement: KeyEndorsement) -> NotEndorsed | None:
        """Return why a statement does not count, or not yet."""
        if self._now_ms is not None and statement.at > self._now_ms + CLOCK_TOLERANCE_MS:
            return NotEndorsed("at", "The endorsement was made later than what it is for.")
        if statement.endorser_key in self._roots:
            return None
        endorser = self._administrators.get(statement.endorser_key)
        if endorser is None or statement.at + CLOCK_TOLERANCE_MS < endorser.at:  # 2
            return NotEndorsed(
                "endorser", "The endorser's key is no people root and was not endorsed as a security administrator's."
            )
        if endorser.person == statement.person:  # 3
            return NotEndorsed("person", "Nobody endorses a key of their own.")
        if statement.at >= self._revoked.get(statement.endorser_key, statement.at + 1):  # 4
            return NotEndorsed("endorser", "The endorser's key had been revoked when it signed.")
        return None

    def _reason(self, statements: Sequence[KeyEndorsement], key: bytes, role: EndorsedRole) -> NotEndorsed:
        own = [one for one in statements if one.key == key]
        if not own:
            return NotEndorsed("key", "Nobody endorsed this key.")
        for_role = [one for one in own if one.role is role]
        if not for_role:
            return NotEndorsed("role", f"The key is endorsed, but not as {role.value}.")
        too_long = NotEndorsed("endorsements", f"The key is more than {MAXIMUM_LINKS} endorsements from a people root.")
        return self._refusal(for_role[0]) or too_long

    def _endorser(self, statement: KeyEndorsement) -> str:
        return PEOPLE_ROOT if statement.endorser_key in self._roots else self._above(statement).person

    def _above(self, statement: KeyEndorsement) -> KeyEndorsement:
        return self._administrators[statement.endorser_key]

    def _root(self, statement: KeyEndorsement) -> bytes:
        while statement.endorser_key not in self._roots:
            statement = self._above(statement)
        return statement.endorser_key

    def _reached(self, found: Sequence[KeyEndorsement]) -> list[bytes]:
        """Return the envelopes from the roots to ``found``, the nearest to a root first."""
        reached: dict[bytes, None] = {}
        level = list(found)
        while level:
            for statement in level:
                data = statement.to_bytes()
                reached.pop(data, None)
                reached[data] = None
            level = [self._above(one) for one in level if one.endorser_key not in self._roots]
        return list(reversed(reached))
