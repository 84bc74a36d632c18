"""How an agent's own words reach the person who decides.

    with because("Error rate fell after every earlier restart."):
        await workflow.execute_activity(restart_service, ...)

Workflows that do not know this module are heard as well: the ``summary=`` of an activity is used
when nothing was said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAXIMUM_CHARACTERS = 20_000
_reasoning: ContextVar[str] = ContextVar("countersign_reasoning", default="")


@contextmanager
def because(text: str) -> Iterator[None]:
    """Attach ``text`` to the calls made inside, should one of them stop at a gate."""
    token = _reasoning.set(text[:MAXIMUM_CHARACTERS])
    try:
        yield
    finally:
        _reasoning.reset(token)


def current() -> str:
    """Return what was said around the call being made, or nothing."""
    return _reasoning.get()
