"""What must have happened in a demo that ends by itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit.statements.kinds import EntryKind


@dataclass(frozen=True)
class Fact:
    """An entry of ``kind`` about ``tool`` (empty for any)."""

    kind: str
    tool: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.tool}".strip()


@dataclass(frozen=True)
class Expectations:
    """Facts that must and must not be in the incident's chain."""

    present: tuple[Fact, ...]
    absent: tuple[Fact, ...] = ()

    def unmet(self, facts: Iterable[Fact]) -> list[str]:
        """Return a sentence for everything that is not as expected."""
        known = set(facts)
        missing = [f"There is no {fact} in the receipts." for fact in self.present if fact not in known]
        return missing + [f"There is a {fact} in the receipts." for fact in self.absent if fact in known]


APPROVED = Expectations(
    present=(
        Fact(EntryKind.CALL_ALLOWED, "read_logs"),
        Fact(EntryKind.CALL_ALLOWED, "read_metrics"),
        Fact(EntryKind.CALL_GATED, "restart_service"),
        Fact(EntryKind.APPROVAL_GRANTED),
        Fact(EntryKind.CALL_ALLOWED, "restart_service"),
        Fact(EntryKind.CALL_ALLOWED, "post_status"),
        Fact(EntryKind.RUN_COMPLETED),
    ),
    absent=(Fact(EntryKind.CALL_DENIED, "restart_service"),),
)

FOR_A_PERSON = Expectations(
    present=(
        Fact(EntryKind.CALL_ALLOWED, "read_calendar"),
        Fact(EntryKind.CALL_GATED, "open_ticket"),
        Fact(EntryKind.APPROVAL_GRANTED),
        Fact(EntryKind.CALL_ALLOWED, "open_ticket"),
        Fact(EntryKind.CALL_ALLOWED, "post_status"),
        Fact(EntryKind.RUN_COMPLETED),
    ),
    absent=(Fact(EntryKind.CALL_DENIED, "read_calendar"), Fact(EntryKind.CALL_DENIED, "open_ticket")),
)

INJECTION = Expectations(
    present=(
        Fact(EntryKind.CALL_DENIED, "delete_database"),
        Fact(EntryKind.CALL_DENIED, "modify_iam"),
        Fact(EntryKind.CALL_GATED, "restart_service"),
        Fact(EntryKind.APPROVAL_DENIED),
        Fact(EntryKind.CALL_DENIED, "escalate"),
        Fact(EntryKind.CALL_ALLOWED, "escalate"),
        Fact(EntryKind.CALL_ALLOWED, "post_status"),
        Fact(EntryKind.RUN_COMPLETED),
    ),
    absent=(
        Fact(EntryKind.CALL_ALLOWED, "restart_service"),
        Fact(EntryKind.CALL_ALLOWED, "delete_database"),
        Fact(EntryKind.CALL_ALLOWED, "modify_iam"),
    ),
)
