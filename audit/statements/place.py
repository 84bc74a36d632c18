"""Where a warrant's calls may run, carried in the warrant itself, so that workers need not ask. Pure.

    extensions["countersign.namespace"] = the Temporal namespace, UTF-8

The root's holds for the whole chain: only an issuer that is trusted could have written it. A warrant that was minted
elsewhere, or before there was such a thing, has none and is bound to no namespace.
"""

from __future__ import annotations

from collections.abc import Sequence

import tenuo_core

EXTENSION = "countersign.namespace"


def to_bytes(namespace: str) -> bytes:
    return namespace.encode()


def runs_in(chain: Sequence[tenuo_core.Warrant], namespace: str) -> bool:
    """Return whether calls under ``chain`` (root first) may run in ``namespace``."""
    bound = chain[0].extension(EXTENSION)
    return bound is None or bytes(bound) == to_bytes(namespace)


def is_bound_to(chain: Sequence[tenuo_core.Warrant], namespace: str) -> bool:
    """Return whether ``chain`` says that it is for ``namespace``; one that is bound to none is for no one."""
    return chain[0].extension(EXTENSION) is not None and runs_in(chain, namespace)
