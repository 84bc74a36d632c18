"""Who endorsed the ledger's key: known to the room that holds the issuers, and told to this one at start."""

from __future__ import annotations

from collections.abc import Callable

from audit.export.errors import NotEndorsed

Source = Callable[[], list[bytes]]

_sources: list[Source] = []


def use(source: Source) -> None:
    """Ask ``source`` for the signed envelopes in which roots endorse the service's keys."""
    _sources[:] = [source]


def endorsements() -> list[bytes]:
    """Return the envelopes. Raises ``NotEndorsed``, and what the source raises."""
    if not _sources:
        raise NotEndorsed
    return _sources[0]()
