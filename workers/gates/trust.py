"""Which people roots a workflow run believes, the same in every replay.

A worker's configuration changes; a run's history does not. What the run believed when it first went by a place is
kept in its history as Temporal's patch markers, so that a run begun before a root was pinned, or under another one,
still replays. It decides only which signals are ignored: the activity side believes what is pinned now.
"""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

from workers.gates.people_roots import PeopleRoots

_CHECKED = "countersign-endorsed-approvers"
_ROOT = "countersign-people-root-"


class WorkflowTrust:
    """What one run believes. ``people_roots`` is what the worker was given, or None."""

    def __init__(self, people_roots: PeopleRoots | None) -> None:
        self._roots = people_roots

    def checker(self) -> Callable[[bytes], bool] | None:
        """Return what says whether a key is a people root for this run; None if the run asks for no endorsements."""
        return self.believes if self._recorded(_CHECKED, self._roots is not None) else None

    def believes(self, key: bytes) -> bool:
        return self._recorded(f"{_ROOT}{key.hex()}", self._roots is not None and key in self._roots)

    @staticmethod
    def _recorded(marker: str, now: bool) -> bool:
        if now or workflow.unsafe.is_replaying():
            return workflow.patched(marker)
        return False
