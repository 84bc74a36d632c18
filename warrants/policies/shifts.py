"""How many people are on call together: known to the room of approvals, and told to this one at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

Source = Callable[[Mapping[str, Set[str]]], Mapping[str, int] | None]

_sources: list[Source] = []


def use(source: Source) -> None:
    """Ask ``source`` how many of the people given by namespace (external ids) the thinnest shift to come has there."""
    _sources[:] = [source]


def fewest_at_once(approvers: Mapping[str, Set[str]]) -> Mapping[str, int] | None:
    """Return it for the namespaces in which people take turns; None if nobody takes turns anywhere."""
    return _sources[0](approvers) if _sources else None
