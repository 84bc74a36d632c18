"""What an argument may be. Pure.

In YAML: ``{one_of: [texts]}``, ``{range: {min: number, max: number}}`` with one bound or both (inclusive), or the
word ``anything``. A range takes floats as well as whole numbers; a tool that needs whole numbers says so in its types.
"""

from __future__ import annotations

from dataclasses import dataclass

from warrants.errors import PolicyError
from warrants.policies.reading import Section

# Stands for the service of the incident that a warrant is minted for.
INCIDENT_SERVICE = "{incident.service}"
ANYTHING = "anything"
_MAXIMUM_VALUE = 200


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts, exactly as they stand here."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A number between both bounds, which are included; None is no bound."""

    minimum: int | float | None
    maximum: int | float | None

    def holds(self, other: Range) -> bool:
        """Return whether every number in ``other`` is in this range."""
        low = self.minimum is None or (other.minimum is not None and other.minimum >= self.minimum)
        high = self.maximum is None or (other.maximum is not None and other.maximum <= self.maximum)
        return low and high


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value of any type."""


Constraint = OneOf | Range | Anything


def parse(within: Section, name: str) -> Constraint:
    """Return the constraint ``name`` of ``within``. Raises ``PolicyError``."""
    if within.item(name) == ANYTHING:
        return Anything()
    section = within.section(name)
    section.only("one_of", "range")
    if len(section.values) != 1:
        raise PolicyError(section.path, "Give either one_of or range.")
    return _one_of(section) if "one_of" in section.values else _range(section.section("range"))


def _one_of(section: Section) -> OneOf:
    values = section.texts("one_of", maximum=_MAXIMUM_VALUE)
    for index, value in enumerate(values):
        if ("{" in value or "}" in value) and value != INCIDENT_SERVICE:
            path = f"{section.at('one_of')}[{index}]"
            raise PolicyError(path, f"The only value that can be filled in is {INCIDENT_SERVICE}, standing alone.")
    return OneOf(values)


def _range(section: Section) -> Range:
    section.only("min", "max")
    bounds = Range(section.number("min"), section.number("max"))
    if bounds.minimum is not None and bounds.maximum is not None and bounds.minimum > bounds.maximum:
        raise PolicyError(section.path, "min is greater than max, so that no number fits. Swap them.")
    return bounds
