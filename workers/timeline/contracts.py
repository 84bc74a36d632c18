"""What the page of an incident's timeline shows. Texts from agents and models are marked in the templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from temporalio.api.common.v1 import Payload

from audit.ledger.contracts import IncidentTree, TreeLine


class StepState(StrEnum):
    """How an activity ended, as the run's history has it."""

    ANSWERED = "answered"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    WAITING = "not ended"


@dataclass(frozen=True, slots=True)
class RunAddress:
    workflow_id: str
    run_id: str


@dataclass(slots=True)
class Step:
    """One activity of a run: names and times, which Temporal keeps in plain, and payloads as they are kept.

    ``errors`` are the payloads of failures' texts, oldest first; ``error_types`` their types, in plain.
    """

    run_id: str
    activity_id: str
    event_id: int
    name: str
    at: datetime
    is_model: bool
    ended_at: datetime | None = None
    attempts: int = 0
    state: StepState = StepState.WAITING
    error_types: list[str] = field(default_factory=list)
    inputs: list[Payload] = field(default_factory=list)
    results: list[Payload] = field(default_factory=list)
    errors: list[Payload] = field(default_factory=list)

    @property
    def milliseconds(self) -> int | None:
        return round((self.ended_at - self.at).total_seconds() * 1000) if self.ended_at else None


@dataclass(frozen=True, slots=True)
class Histories:
    """The steps of all runs in order of time, and a sentence for each run that could not be read."""

    steps: list[Step]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the incident's chain. ``at`` is when it happened: for a call, at the worker."""

    line: TreeLine
    at: datetime
    run_id: str
    activity_id: str
    request_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of an incident, and the runs that it names."""

    tree: IncidentTree
    namespace: str
    runs: list[RunAddress]
    told: list[Told]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation with a model: ``role`` says whose words it is."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was opened of a step. ``told`` is new since the model call before, ``told_before`` the rest."""

    told: list[Message] = field(default_factory=list)
    told_before: list[Message] = field(default_factory=list)
    model: str = ""
    version: str = ""
    instructions: str = ""
    answer: str = ""
    tool: str = ""
    arguments: str = ""
    result: str = ""
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Led:
    """A call that a model's answer led to; ``anchor`` is its place on the page."""

    anchor: str
    title: str


@dataclass(slots=True)
class Item:
    """One line of the timeline: a model call (``number``), an entry (``told``), or a call without a receipt."""

    at: datetime
    step: Step | None = None
    told: Told | None = None
    number: int | None = None  # of a model call, from 1
    asked_by: int | None = None  # the model call whose answer asked for this
    led_to: list[Led] = field(default_factory=list)
    content: Content | None = None

    @property
    def anchor(self) -> str:
        if self.number is not None:
            return f"model-{self.number}"
        if self.told is not None:
            return f"entry-{self.told.line.sequence}"
        return f"event-{self.step.run_id[:8]}-{self.step.event_id}" if self.step else ""

    @property
    def is_mismatch(self) -> bool:
        """Whether a model call's answer, opened, asks for another tool than the call that followed."""
        asked = self.content.tool if self.content else ""
        return bool(asked and self.led_to) and all(led.title.split(" ")[0] != asked for led in self.led_to)
