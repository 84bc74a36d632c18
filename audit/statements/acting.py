"""For whom an agent works, carried in the warrant itself: the agent and the person, both signed by the issuer.

    extensions["countersign.acting"] = canonical CBOR of {"agent", "person"}

Like a policy's terms, those of the chain's root hold for the whole chain. A warrant without them is for nobody: its
agent works on its own account. The person is an external id; the terms bar them from approving what is done for them.
The browser's twin is in ``static/js/lib/acting.js``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tenuo_core

from audit.statements import cbor
from audit.statements.statements import MalformedStatement, require_text
from audit.statements.terms import MAXIMUM_PERSON

EXTENSION = "countersign.acting"
MAXIMUM_AGENT = 64


@dataclass(frozen=True, slots=True)
class Acting:
    """``agent`` works for ``person`` (an external id), with that person's authority where it calls other services."""

    agent: str
    person: str

    def to_bytes(self) -> bytes:
        return cbor.encode({"agent": self.agent, "person": self.person})


def acting_of(chain: Sequence[tenuo_core.Warrant]) -> Acting | None:
    """Return for whom the root of ``chain`` (root first) lets its agent work, or None.

    Raises ``MalformedStatement``, field "acting".
    """
    data = chain[0].extension(EXTENSION)
    return None if data is None else read(bytes(data))


def read(data: bytes) -> Acting:
    """Return what is in ``data``. Raises ``MalformedStatement``."""
    try:
        facts = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement("acting", f"For whom the agent works cannot be read. {error}") from error
    if not isinstance(facts, dict) or set(facts) != {"agent", "person"}:
        raise MalformedStatement("acting", "For whom the agent works is not said in the form it must have.")
    agent = require_text("acting", facts["agent"], MAXIMUM_AGENT)
    person = require_text("acting", facts["person"], MAXIMUM_PERSON)
    if not agent or not person:
        raise MalformedStatement("acting", "For whom the agent works is left empty.")
    return Acting(agent, person)
