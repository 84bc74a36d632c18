"""What this worker asks people about whatever a warrant says.

Whoever holds the issuer's key can mint a warrant without any gate. A floor is the worker's own configuration, and
no warrant goes below it:

    floors={"restart_service": Floor(exempt={"environment": frozenset({"staging", "dev"})})}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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


def _holds(condition: frozenset[str] | Condition, value: Any) -> bool:
    if isinstance(condition, frozenset):
        return isinstance(value, str) and value in condition
    return condition(value)
