"""What the policy says about deciding, carried in the warrant itself, so that workers and auditors need not ask.

Tenuo signs a warrant's extensions with the rest of it and ignores those it does not know:

    extensions["countersign.terms"] = canonical CBOR of {"approval_seconds", "barred_people",
                                      "one_denial_ends", "policy", "policy_digest", "policy_version"}

The root's terms hold for the whole chain: only an issuer that is trusted could have written them. A warrant
that was minted elsewhere has none, and gets the defaults of ``Terms``.
The browser's twin is in ``static/js/lib/warrant.js``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tenuo_core

from audit.statements import cbor
from audit.statements.statements import MalformedStatement, require_text, require_uint

EXTENSION = "countersign.terms"
MAXIMUM_BARRED = 20
MAXIMUM_PERSON = 320


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which conditions people decide about the calls of one warrant.

    ``approval_seconds`` is the longest life of an approval, or 0: then whoever checks has a maximum of their own.
    ``one_denial_ends`` says that one denial ends a request; otherwise those do that make enough approvals impossible.
    ``barred_people`` must not approve: the agent acts for them, or they raised the alert. They are external ids, and
    what the alert called them where nobody here was known by it. ``policy_digest`` is the SHA-256 of the policy's
    file, or empty.
    """

    policy: str = ""
    policy_version: int = 0
    policy_digest: bytes = b""
    approval_seconds: int = 0
    one_denial_ends: bool = False
    barred_people: tuple[str, ...] = ()

    @property
    def policy_label(self) -> str:
        """The policy and its version as people sign them, such as ``incident-response@3``; empty without one."""
        return f"{self.policy}@{self.policy_version}" if self.policy else ""

    def lifetime(self, maximum: int) -> int:
        """Return the longest life of an approval in seconds, where whoever checks allows ``maximum``."""
        return min(self.approval_seconds or maximum, maximum)

    def bars(self, external_id: str) -> bool:
        """Whether this person must not approve: named by external id, or by the e-mail address in it.

        ``issuer#subject`` and ``local:subject``: who signs up after the warrant was minted, with an address as
        subject, is the person whom the alert named by that address (in lower case).
        """
        _, _, subject = external_id.partition("#" if "#" in external_id else ":")
        return external_id in self.barred_people or ("@" in subject and subject.lower() in self.barred_people)

    def to_bytes(self) -> bytes:
        return cbor.encode(
            {
                "policy": self.policy,
                "policy_version": self.policy_version,
                "policy_digest": self.policy_digest,
                "approval_seconds": self.approval_seconds,
                "one_denial_ends": self.one_denial_ends,
                "barred_people": list(self.barred_people),
            }
        )


def terms_of(chain: Sequence[tenuo_core.Warrant]) -> Terms:
    """Return the terms of the root of ``chain`` (root first). Raises ``MalformedStatement``, field "terms"."""
    data = chain[0].extension(EXTENSION)
    return Terms() if data is None else read(bytes(data))


# One warrant's terms are asked for again at each of its calls.
@lru_cache(maxsize=256)
def read(data: bytes) -> Terms:
    """Return the terms in ``data``. Raises ``MalformedStatement``."""
    try:
        facts = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement("terms", f"The warrant's terms cannot be read. {error}") from error
    if not isinstance(facts, dict) or set(facts) != set(Terms.__dataclass_fields__):
        raise MalformedStatement("terms", "The warrant's terms do not have the fields they must have.")
    return Terms(
        policy=require_text("policy", facts["policy"], 64),
        policy_version=require_uint("policy_version", facts["policy_version"]),
        policy_digest=_digest(facts["policy_digest"]),
        approval_seconds=require_uint("approval_seconds", facts["approval_seconds"]),
        one_denial_ends=_flag(facts["one_denial_ends"]),
        barred_people=_people(facts["barred_people"]),
    )


def _digest(value: Any) -> bytes:
    if not isinstance(value, bytes) or len(value) not in (0, 32):
        raise MalformedStatement("policy_digest", "The policy's digest is not 32 bytes.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise MalformedStatement("one_denial_ends", "one_denial_ends is neither true nor false.")
    return value


def _people(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAXIMUM_BARRED:
        raise MalformedStatement("barred_people", f"barred_people is not a list of at most {MAXIMUM_BARRED} people.")
    return tuple(require_text("barred_people", person, MAXIMUM_PERSON) for person in value)
