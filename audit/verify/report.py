"""What verification found, line by line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.verify.steps import Refused, Step


@dataclass(frozen=True, slots=True)
class Check:
    """One step that passed, in words."""

    step: Step
    text: str


@dataclass(slots=True)
class LineReport:
    """What was checked of one line; ``failure`` is None if everything passed."""

    line: int
    entry: str = "unreadable"
    checks: list[Check] = field(default_factory=list)
    failure: Refused | None = None

    def passed(self, step: Step, text: str) -> None:
        if text:
            self.checks.append(Check(step, text))

    def as_text(self) -> str:
        if self.failure is None:
            said = "; ".join(check.text for check in self.checks)
            return f"✓ line {self.line}  {self.entry}  {said}"
        step = self.failure.step
        return f"✗ line {self.line}  {self.entry}  step {step.value} ({step.title}): {self.failure}"

    def as_json(self) -> dict[str, Any]:
        checks = [{"step": check.step.value, "name": check.step.title, "text": check.text} for check in self.checks]
        failure = self.failure
        return {
            "line": self.line,
            "entry": self.entry,
            "verified": failure is None,
            "checks": checks,
            "failure": failure and {"step": failure.step.value, "name": failure.step.title, "sentence": str(failure)},
        }


@dataclass(slots=True)
class Report:
    """What verification found. ``state`` is how the run ended, or "open" if the file does not say."""

    chain: str
    lines: list[LineReport]
    state: str = "open"
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[LineReport]:
        return [line for line in self.lines if line.failure is not None]

    @property
    def verified(self) -> bool:
        return bool(self.lines) and not self.failures

    def as_text(self) -> str:
        lines = [f"Evidence of {self.chain}", *(line.as_text() for line in self.lines)]
        lines += [f"note: {note}" for note in self.notes]
        lines.append(self.summary())
        return "\n".join(_inert(line) for line in lines)

    def summary(self) -> str:
        if not self.verified:
            places = ", ".join(str(line.line) for line in self.failures)
            return f"NOT VERIFIED: {len(self.failures)} of {len(self.lines)} lines failed (line {places})."
        counts = ", ".join(f"{number} {kind}" for kind, number in self.counts.items())
        return f"VERIFIED: {len(self.lines)} lines ({counts}); the run: {self.state}."

    def as_json(self) -> dict[str, Any]:
        return {
            "verified": self.verified,
            "chain": self.chain,
            "state": self.state,
            "counts": self.counts,
            "lines": [line.as_json() for line in self.lines],
            "notes": self.notes,
            "summary": self.summary(),
        }


def _inert(text: str) -> str:
    """Make control, bidirectional and zero-width characters visible: a report may quote what an agent wrote."""
    return "".join(character if character.isprintable() else f"⟨U+{ord(character):04X}⟩" for character in text)
