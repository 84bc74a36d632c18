"""Who must approve does not weaken along a warrant chain.

Tenuo 0.3.3 compares a child's tools, gates, depth and expiry with its parent's, but not its approvers:
whoever holds an agent's key could hand itself a child warrant that names a key of its own as approver,
and approve its own calls. Here a child names every approver of its parent; it may add some, but then so
many more signatures are needed that those of its parent are still among them.
The browser's twin is in ``static/js/lib/warrant.js``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import tenuo_core


def weakening(chain: Sequence[tenuo_core.Warrant]) -> str:
    """Return in a sentence how ``chain`` (root first) weakens who must approve; empty if it does not."""
    for parent, child in pairwise(chain):
        inherited, named = approvers(parent), approvers(child)
        if not inherited:
            continue
        if not inherited <= named:
            return f"The warrant {child.id} drops an approver that its parent names."
        if child.approval_threshold() - len(named - inherited) < parent.approval_threshold():
            return f"The warrant {child.id} could be approved by fewer of its parent's approvers than its parent needs."
    return ""


def approvers(warrant: tenuo_core.Warrant) -> frozenset[bytes]:
    """Return the 32-byte keys that ``warrant`` names as approvers."""
    return frozenset(bytes(key.to_bytes()) for key in warrant.required_approvers() or ())


def parties(chain: Sequence[tenuo_core.Warrant]) -> frozenset[bytes]:
    """Return the keys of every issuer and every holder of ``chain``: none of them may approve its calls."""
    keys = [key for warrant in chain for key in (warrant.issuer, warrant.authorized_holder)]
    return frozenset(bytes(key.to_bytes()) for key in keys)
