"""What an alert says, once it has been checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Alert:
    """An incident as its sender tells it. Every text is bounded, storable and free of half characters.

    ``barred_people`` are those who raised it, or for whom the agent will act, as the sender names them: by external
    id, by e-mail address, or by the name that its own people see. ``acting_for`` is the one of them with whose
    authority the agent works, or empty.
    """

    incident_id: str
    title: str
    severity: Severity
    service: str
    scenario: str
    barred_people: tuple[str, ...] = ()
    acting_for: str = ""


@dataclass(frozen=True)
class Ignored:
    """A webhook that is in order and starts nothing."""

    event_type: str
