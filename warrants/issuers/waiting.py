"""How many requests wait under given warrants: known to the room of approvals, and told to this one at start."""

from __future__ import annotations

from collections.abc import Callable, Collection

Source = Callable[[Collection[str]], int]

_sources: list[Source] = []


def use(source: Source) -> None:
    """Ask ``source`` how many requests wait under warrants with these ids."""
    _sources[:] = [source]


def waiting_under(warrant_ids: Collection[str]) -> int:
    return sum(source(warrant_ids) for source in _sources)
