"""What the ledger's pages show. Texts that came from an agent are marked in the templates, not here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Tone(StrEnum):
    """What a line of the tree is about; never the only carrier of its meaning."""

    ALLOWED = "allowed"
    DENIED = "denied"
    GATE = "gate"
    PERSON = "person"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """One incident of the list. ``chain`` is the root warrant's id.

    ``status`` is "open", how its run ended, or "removed" once nothing says that any more.
    """

    chain: str
    label: str
    title: str
    severity: str
    service: str
    status: str
    size: int
    opened_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of a proof: who signed, over what, how it is checked."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class AttachedText:
    """What is stored beside an entry, as (name, value) rows of readable text.

    No rows if it was erased, is ``hidden`` from whoever looks, or cannot be opened: ``unreadable`` says why.
    """

    name: str
    rows: list[tuple[str, str]]
    erased: bool = False
    hidden: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One entry. ``title`` says it in a few words, ``detail`` why; hashes and keys are hexadecimal.

    ``place`` is empty while the entry waits for its place in the log.

    Words of agents and their workflows are in ``detail`` only for those who may see content.
    """

    sequence: int
    kind: str
    at: datetime
    title: str
    detail: str
    tone: Tone
    tool: str
    person: str
    key_short: str
    request_id: str
    proof: list[Fact]
    attached: list[AttachedText]
    previous_hash: str
    entry_hash: str
    signer_key: str = ""
    place: list[Fact] = field(default_factory=list)

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """The call's arguments as (name, readable value); empty if there are none or they were erased."""
        return next((attached.rows for attached in self.attached if attached.name == "arguments"), [])

    @property
    def is_erased(self) -> bool:
        return any(attached.erased for attached in self.attached)


@dataclass(slots=True)
class TreeGroup:
    """Consecutive allowed calls of one tool, shown as one line with a count; any other entry alone."""

    lines: list[TreeLine] = field(default_factory=list)

    @property
    def first(self) -> TreeLine:
        return self.lines[0]

    @property
    def count(self) -> int:
        return len(self.lines)


@dataclass(frozen=True, slots=True)
class IncidentTree:
    """An incident's chain, oldest entry first. ``head`` is the last entry's hash, hexadecimal.

    ``shows_content`` says whether whoever looks may see what agents said and got. ``gaps`` are sentences about
    receipts that never came from the workers which decided these calls, around the time.
    """

    card: IncidentCard
    agent: str
    policy: str
    head: str
    lines: list[TreeLine]
    groups: list[TreeGroup]
    shows_content: bool
    gaps: list[str] = field(default_factory=list)
