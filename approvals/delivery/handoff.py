"""A relay in the same process takes a decision the moment it is committed.

Its row is written with the lease already running, so the relay need not claim what it was just given.
Should it die with the decision in its hands, the lease runs out and any relay claims it.
"""

from __future__ import annotations

from collections.abc import Callable

from approvals.delivery.contracts import Job

Take = Callable[[Job], None]

_takers: list[Take] = []


def register(take: Take) -> Callable[[], None]:
    """Give decisions committed in this process to ``take``, which may be called from any thread; return how to stop."""
    _takers.append(take)
    return lambda: _takers.remove(take)


def taker() -> Take | None:
    """Return the relay of this process, if it has one."""
    return _takers[-1] if _takers else None
