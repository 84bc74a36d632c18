"""What this worker asks people about whatever a warrant says.

Whoever holds the issuer's key can mint a warrant without any gate. A floor is the worker's own configuration, and
no warrant goes below it:

    floors={"restart_service": Floor(exempt={"environment": frozenset({"staging", "dev"})})}

Whoever keeps them elsewhere gives an object that answers as ``Floors`` does, for every call anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from audit.statements.terms import Terms

Condition = Callable[[Any], bool]


@dataclass(frozen=True)
class Floor:
    """``people`` must have approved a call before it runs here, unless every one of ``exempt`` holds.

    ``exempt`` maps arguments to the texts they may be, or to a function that says whether a value is exempt. With
    none, every call of the tool is asked about.
    """

    people: int = 1
    exempt: Mapping[str, frozenset[str] | Condition] = field(default_factory=dict)

    def people_for(self, arguments: Mapping[str, Any]) -> int:
        """Return how many people must have approved a call with ``arguments``."""
        is_exempt = bool(self.exempt) and all(
            name in arguments and _holds(condition, arguments[name]) for name, condition in self.exempt.items()
        )
        return 0 if is_exempt else self.people


@dataclass(frozen=True)
class Demand:
    """``people`` must have approved a call, and ``endorsers`` people must have endorsed the key of each of them."""

    people: int = 0
    endorsers: int = 1

    def covers(self, other: Demand) -> bool:
        """Return whether whoever does this does ``other`` as well."""
        return self.people >= other.people and self.endorsers >= other.endorsers


def strictest(demands: Iterable[Demand]) -> Demand:
    """Return what does all of ``demands``."""
    found = list(demands)
    return Demand(
        people=max((demand.people for demand in found), default=0),
        endorsers=max((demand.endorsers for demand in found), default=1),
    )


class Floors(Protocol):
    """What a worker asks about a call on its own account."""

    def demand(self, terms: Terms, tool: str, arguments: Mapping[str, Any]) -> Demand:
        """Return what must be before a call runs. ``terms`` are the root warrant's: what it says of its policy."""


@dataclass(frozen=True)
class FixedFloors:
    """The same floors for every warrant, by tool."""

    floors: Mapping[str, Floor]

    def demand(self, terms: Terms, tool: str, arguments: Mapping[str, Any]) -> Demand:
        floor = self.floors.get(tool)
        return Demand(floor.people_for(arguments) if floor else 0)


def _holds(condition: frozenset[str] | Condition, value: Any) -> bool:
    if isinstance(condition, frozenset):
        return isinstance(value, str) and value in condition
    return condition(value)
