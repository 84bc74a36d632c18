"""What a second person signs so that a version of a policy takes effect. No key of the server can make it. Pure.

    context   = "countersign-policy-publication-v1"                 (see ``audit.statements.statements``)
    statement = canonical CBOR {"at": ms since 1970, "authors": [external ids], "digest": bytes 32, "number": version,
                "person": external id, "policy": name, "replaces": bytes 32, "version": 1}

``digest`` is SHA-256 of the version's text, ``replaces`` that of the text that it takes the place of: 32 zero bytes for
a policy that is new. Both texts are what the publisher looked at, and so is what is different between them.
``authors`` are all who wrote in it, who last did so last: none of them is the publisher.
The browser's twin is ``static/js/lib/publication.js``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.statements.key_endorsements import MAXIMUM_PERSON, EndorsedRole, NotEndorsed, verify_chain
from audit.statements.statements import (
    Context,
    Envelope,
    MalformedStatement,
    is_blank,
    parse,
    require_bytes,
    require_text,
    require_uint,
)

NOTHING = bytes(32)
MAXIMUM_NAME = 64
MAXIMUM_AUTHORS = 100
_FIELDS = {"at", "authors", "digest", "number", "person", "policy", "replaces", "version"}


@dataclass(frozen=True, slots=True)
class Publication:
    """One statement, its signature verified. ``at`` is milliseconds since 1970."""

    at: int
    authors: tuple[str, ...]
    digest: bytes
    number: int
    person: str
    policy: str
    replaces: bytes
    publisher_key: bytes
    envelope: Envelope


def facts_of(
    *, at: int, authors: Sequence[str], digest: bytes, number: int, person: str, policy: str, replaces: bytes
) -> dict[str, object]:
    """Return what a publisher signs, without "version"."""
    return {
        "at": at,
        "authors": list(authors),
        "digest": digest,
        "number": number,
        "person": person,
        "policy": policy,
        "replaces": replaces,
    }


def parse_publication(data: bytes) -> Publication:
    """Return the statement in ``data``. Raises ``MalformedStatement`` naming the field."""
    envelope = parse(data)
    facts = envelope.facts
    if set(facts) != _FIELDS:
        raise MalformedStatement("statement", "The publication does not have the fields it must have.")
    publication = Publication(
        at=require_uint("at", facts["at"]),
        authors=_authors(facts["authors"]),
        digest=require_bytes("digest", facts["digest"], 32),
        number=require_uint("number", facts["number"]),
        person=require_text("person", facts["person"], MAXIMUM_PERSON),
        policy=require_text("policy", facts["policy"], MAXIMUM_NAME),
        replaces=require_bytes("replaces", facts["replaces"], 32),
        publisher_key=envelope.signer_key,
        envelope=envelope,
    )
    if is_blank(publication.person):
        raise MalformedStatement("person", "The publication names nobody.")
    envelope.verify(Context.POLICY_PUBLICATION)
    return publication


def require_published(publication: Publication, *, policy: str, number: int, text: str) -> None:
    """Raise ``MalformedStatement`` unless this very text was published, by somebody who wrote none of it."""
    digest = hashlib.sha256(text.encode()).digest()
    if (publication.policy, publication.number, publication.digest) != (policy, number, digest):
        raise MalformedStatement("digest", "What was signed is another policy, number or text.")
    if publication.person in publication.authors:
        raise MalformedStatement("person", "Who published it is among its authors.")


def require_publishers_key(
    publication: Publication,
    endorsements: Sequence[bytes],
    people_roots: Collection[bytes],
    revoked: Mapping[bytes, int],
) -> None:
    """Raise ``NotEndorsed`` unless the key that signed was the named person's, as a policy publisher's, at that time.

    A key that was revoked later (``revoked``: when, in milliseconds since 1970) signed for good.
    """
    key, role = publication.publisher_key, EndorsedRole.POLICY_PUBLISHER
    if publication.at >= revoked.get(key, publication.at + 1):
        raise NotEndorsed("key", "The publisher's key had been revoked when it signed.")
    endorsed = verify_chain(endorsements, key, role, people_roots, now_ms=publication.at, revoked=revoked)
    if endorsed.person != publication.person:
        raise NotEndorsed("person", "The key that signed is another person's than the one who is named.")


def _authors(value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= MAXIMUM_AUTHORS
        or len(set(map(repr, value))) != len(value)
    ):
        raise MalformedStatement("authors", f"A policy's authors are 1 to {MAXIMUM_AUTHORS} people, each named once.")
    return tuple(require_text("authors", author, MAXIMUM_PERSON) for author in value)
