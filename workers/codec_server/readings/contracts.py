"""What the page of those who read payloads shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

# Temporal's UI and command line ask once for every field: what somebody reads in one sitting is one line.
SITTING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Reading:
    """One entry of the ledger. ``token`` is empty for a browser; ``workflows`` are those that made the payloads."""

    at: datetime
    person: str
    namespace: str
    is_encoding: bool
    token: str
    workflows: tuple[str, ...]
    payloads: int

    @property
    def source(self) -> tuple[str, str, bool, str]:
        return self.person, self.namespace, self.is_encoding, self.token


@dataclass(slots=True)
class Sitting:
    """Readings of one person in one namespace, through one thing, each within ``SITTING`` of the one before."""

    readings: list[Reading] = field(default_factory=list)

    @property
    def first(self) -> Reading:
        return min(self.readings, key=lambda reading: reading.at)

    @property
    def last(self) -> Reading:
        return max(self.readings, key=lambda reading: reading.at)

    @property
    def payloads(self) -> int:
        return sum(reading.payloads for reading in self.readings)

    @property
    def workflows(self) -> list[str]:
        return sorted({workflow for reading in self.readings for workflow in reading.workflows})


@dataclass(frozen=True, slots=True)
class Asked:
    """Which readings: of people whose id holds ``person``, in ``namespace`` (empty for all), these days included."""

    since: date
    until: date
    person: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Readings:
    """``sittings`` newest first; ``is_cut``: there were more entries than are looked at, the newest count."""

    sittings: list[Sitting]
    namespaces: list[str]
    is_cut: bool


def sittings_of(newest_first: list[Reading]) -> list[Sitting]:
    """Return ``newest_first`` in sittings, by when each ended."""
    open_ones: dict[tuple[str, str, bool, str], Sitting] = {}
    found: list[Sitting] = []
    for reading in newest_first:
        sitting = open_ones.get(reading.source)
        if sitting is None or sitting.readings[-1].at - reading.at > SITTING:
            sitting = open_ones[reading.source] = Sitting()
            found.append(sitting)
        sitting.readings.append(reading)
    return found
