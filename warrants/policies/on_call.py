"""Who is on call now for each policy: known to the room of approvals, and told to this one at start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from accounts.models import Person


class Step(Protocol):
    """A step of a policy's ladder: what it is called, and who is told now, by name."""

    @property
    def label(self) -> str: ...

    @property
    def people(self) -> Sequence[str]: ...


Ladders = Mapping[str, Sequence[Step]]
Source = Callable[[Person, Collection[str]], Ladders | None]

_sources: list[Source] = []


def use(source: Source) -> None:
    """Ask ``source`` for the ladders of some policies, as a person may see them."""
    _sources[:] = [source]


def ladders(person: Person, policies: Collection[str]) -> Ladders | None:
    """Return the ladder of each policy: no step if everybody is told at once. None if ``person`` may see none."""
    return _sources[0](person, policies) if _sources else None
