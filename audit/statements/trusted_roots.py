"""Which issuers' keys workers believe, as one of those keys says itself: so that a root can follow another. Pure.

    context   = "countersign-trusted-roots-v1"                      (see ``audit.statements.statements``)
    statement = canonical CBOR {"at": ms since 1970, "number": from 1, rising, "roots": [bytes 32, ...], "version": 1}

The roots are in the order of their bytes, each once, and the signer is one of them. A set takes the place of the one
before if a root that was believed until then signed it, and its number is higher. The browser's twin is
``static/js/lib/trusted-roots.js``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from audit.statements.statements import Context, MalformedStatement, parse, require_bytes, require_uint

MAXIMUM_ROOTS = 16
_FIELDS = {"at", "number", "roots", "version"}


@dataclass(frozen=True, slots=True)
class TrustedRoots:
    """One set, its signature verified: by ``signer_key``, 32 bytes. ``at`` is milliseconds since 1970."""

    at: int
    number: int
    roots: tuple[bytes, ...]
    signer_key: bytes


def facts_of(*, at: int, number: int, roots: Iterable[bytes]) -> dict[str, Any]:
    """Return what an issuer signs, without "version"."""
    return {"at": at, "number": number, "roots": sorted(set(roots))}


def parse_trusted_roots(data: bytes) -> TrustedRoots:
    """Return the set in ``data``; whether its signer is to be believed is the caller's to know.

    Raises ``MalformedStatement`` naming the field.
    """
    envelope = parse(data)
    facts = envelope.facts
    if set(facts) != _FIELDS:
        raise MalformedStatement("statement", "The set of trusted roots does not have the fields it must have.")
    found = TrustedRoots(
        at=require_uint("at", facts["at"]),
        number=require_uint("number", facts["number"]),
        roots=_roots(facts["roots"]),
        signer_key=envelope.signer_key,
    )
    if found.number < 1:
        raise MalformedStatement("number", "Sets of trusted roots are numbered from 1.")
    if found.signer_key not in found.roots:
        raise MalformedStatement("roots", "Whoever signed the set of trusted roots is not in it.")
    envelope.verify(Context.TRUSTED_ROOTS)
    return found


def _roots(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAXIMUM_ROOTS:
        raise MalformedStatement("roots", f"A set of trusted roots has 1 to {MAXIMUM_ROOTS} keys.")
    roots = [require_bytes("roots", root, 32) for root in value]
    if roots != sorted(set(roots)):
        raise MalformedStatement("roots", "The trusted roots are not each there once, in the order of their bytes.")
    return tuple(roots)
