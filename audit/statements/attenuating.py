"""What a child warrant lost of its parent: what an entry ``warrant.attenuated`` says.

details = {"ends_earlier_seconds", "expires_at": UTC seconds, "holder": key, "parent": id, "tools_narrowed": names,
           "tools_removed": names, "warrant": id, "warrant_chain": root first, the child last}

A tool is narrowed if its constraints are others than the parent's: a child that verifies cannot widen any.
The browser's twin is in ``static/js/lib/verify/attenuating.js``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tenuo_core

from audit.statements import cbor

# The payload's keys, see Tenuo's warrant format.
_TOOLS, _EXPIRES_AT = 3, 7


def attenuation_of(chain: Sequence[tenuo_core.Warrant]) -> dict[str, Any]:
    """Return the details about the last of at least two warrants, which must verify. Raises ``ValueError``."""
    parent, child = chain[-2:]
    before, after = _payload(parent), _payload(child)
    had, has = before.get(_TOOLS, {}), after.get(_TOOLS, {})
    return {
        "warrant_chain": [bytes(warrant.to_bytes()) for warrant in chain],
        "parent": parent.id,
        "warrant": child.id,
        "holder": bytes(child.authorized_holder.to_bytes()),
        "tools_removed": sorted(set(had) - set(has)),
        "tools_narrowed": sorted(name for name in set(had) & set(has) if _differ(had[name], has[name])),
        "expires_at": after[_EXPIRES_AT],
        "ends_earlier_seconds": before[_EXPIRES_AT] - after[_EXPIRES_AT],
    }


def _payload(warrant: tenuo_core.Warrant) -> dict[int, Any]:
    payload: dict[int, Any] = cbor.decode_loosely(bytes(warrant.payload_bytes))
    return payload


def _differ(before: Any, after: Any) -> bool:
    return cbor.encode(before) != cbor.encode(after)
