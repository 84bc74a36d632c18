"""What verification found, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from audit.statements.population import Totals
from audit.verify.steps import Refused, Step


@dataclass(frozen=True, slots=True)
class Check:
    """One step that passed, in words."""

    step: Step
    text: str


@dataclass(slots=True)
class LineReport:
    """What was checked of one line; ``failure`` is None if everything passed. ``says`` repeats what the line says."""

    line: int
    entry: str = "unreadable"
    chain: str = ""
    says: str = ""
    checks: list[Check] = field(default_factory=list)
    failure: Refused | None = None

    def passed(self, step: Step, text: str) -> None:
        if text:
            self.checks.append(Check(step, text))

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Keep what is refused meanwhile; whatever cannot be checked is not verified."""
        try:
            yield
        except Refused as failure:
            self.failure = failure
        except Exception as error:
            self.failure = Refused(Step.FORM, f"The line cannot be checked ({type(error).__name__}).")

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
            "chain": self.chain,
            "entry": self.entry,
            "verified": failure is None,
            "checks": checks,
            "failure": failure and {"step": failure.step.value, "name": failure.step.title, "sentence": str(failure)},
        }


@dataclass(slots=True)
class Result:
    """What verification found, without the lines.

    ``chain`` is that of a bundle about one, ``state`` how its run ended, "open" if the file does not say, or empty.
    """

    subject: str = ""
    chain: str = ""
    state: str = ""
    chains: int = 0
    checked: int = 0
    failed: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    population: Totals | None = None

    @property
    def verified(self) -> bool:
        return self.checked > 0 and not self.failed

    def count(self, report: LineReport) -> None:
        self.checked += 1
        if report.failure is not None:
            self.failed.append(report.line)

    def summary(self) -> str:
        if not self.verified:
            places = ", ".join(map(str, self.failed))
            return f"NOT VERIFIED: {len(self.failed)} of {self.checked} lines failed (line {places})."
        counts = ", ".join(f"{number} {kind}" for kind, number in self.counts.items())
        about = f"the run: {self.state}" if self.state else counted(self.chains, "chain")
        return f"VERIFIED: {self.checked} lines ({counts}); {about}."

    def as_json(self) -> dict[str, Any]:
        return {
            "verified": self.verified,
            "subject": self.subject,
            "chain": self.chain,
            "state": self.state,
            "counts": dict(self.counts),
            "population": self._population(),
            "notes": self.notes,
            "summary": self.summary(),
        }

    def _population(self) -> dict[str, Any]:
        if self.population is None:
            return {}
        return {
            "chains": self.chains,
            "matches": self.population.count,
            "periods": [period.as_json() for period in self.population.periods],
            "root": self.population.root.hex(),
        }


@dataclass(slots=True)
class Report:
    """All that verification found, the lines included: for files that fit into memory."""

    result: Result
    lines: list[LineReport]

    @property
    def failures(self) -> list[LineReport]:
        return [line for line in self.lines if line.failure is not None]

    @property
    def verified(self) -> bool:
        return self.result.verified

    @property
    def chain(self) -> str:
        return self.result.chain

    @property
    def state(self) -> str:
        return self.result.state

    @property
    def counts(self) -> dict[str, int]:
        return self.result.counts

    @property
    def notes(self) -> list[str]:
        return self.result.notes

    def as_text(self) -> str:
        lines = [heading(self.result), *(line.as_text() for line in self.lines), *closing(self.result)]
        return "\n".join(inert(line) for line in lines)

    def as_json(self) -> dict[str, Any]:
        return {**self.result.as_json(), "lines": [line.as_json() for line in self.lines]}


def heading(result: Result) -> str:
    return f"Evidence of {result.subject}"


def closing(result: Result) -> list[str]:
    """Return what is said after the lines."""
    return [*(f"note: {note}" for note in result.notes), result.summary()]


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def inert(text: str) -> str:
    """Make control, bidirectional and zero-width characters visible: a report may quote what an agent wrote."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else f"⟨U+{ord(character):04X}⟩" for character in text)
