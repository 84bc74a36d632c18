"""One chain of a bundle, whole: steps 2 to 17 of its entries and its end, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from audit.statements.chains import is_service_chain
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context
from audit.verify import chain, incident, outcomes
from audit.verify.case import Case
from audit.verify.logs import Logs
from audit.verify.reading import End, Entry
from audit.verify.records import Decisions
from audit.verify.report import LineReport
from audit.verify.service import ServiceChain
from audit.verify.steps import Refused, Step, require
from audit.verify.trust import Endorsed, Roots, endorsed_keys, people_roots_of
from audit.verify.warrants import Register

WITHOUT_PEOPLE_ROOT = (
    "Whose keys the approvers' are was not checked: give the people root with --people-root to check it."
)


@dataclass(frozen=True, slots=True)
class Trust:
    """What is trusted, and the longest life of a person's signature that counts as sane, in seconds."""

    roots: Roots
    people_roots: frozenset[bytes]
    approval_lifetime: int

    @classmethod
    def of(cls, roots: list[str], people_roots: Sequence[str], approval_lifetime: int) -> Trust:
        """Return the trust in keys of 64 hexadecimal digits each. Raises ``UnusableInput``."""
        return cls(Roots.of(roots), people_roots_of(people_roots), approval_lifetime)


@dataclass(slots=True)
class Section:
    """The lines of one chain as they were read; an unreadable one has no entry. ``end`` is None while there is none.

    ``fault`` is why the first line does not belong here, if so.
    """

    name: str
    lines: list[tuple[Entry | None, LineReport]] = field(default_factory=list)
    end: tuple[End, LineReport] | None = None
    fault: Refused | None = None

    @property
    def reports(self) -> list[LineReport]:
        return [report for _, report in self.lines] + ([self.end[1]] if self.end else [])

    @property
    def entries(self) -> list[Entry]:
        return [entry for entry, _ in self.lines if entry is not None]


@dataclass(slots=True)
class Checked:
    """What checking a section found, beside what its lines' reports say. ``state``: how the run ended, or "open"."""

    reports: list[LineReport]
    notes: list[str]
    ledger_keys: frozenset[bytes] = frozenset()
    counts: dict[str, int] = field(default_factory=dict)
    state: str = ""


def check_section(
    section: Section, *, trust: Trust, endorsements: list[bytes] | None, logs: Logs, decisions: Decisions
) -> Checked:
    """Check ``section``. ``endorsements`` are those of the bundle's first line, for chains of the service's own."""
    first, report = next((entry, report) for entry, report in section.lines if entry is not None)
    try:
        if section.fault is not None:
            raise section.fault
        endorsed = _opened(first, section.name, trust.roots, endorsements)
    except Refused as failure:
        report.failure = failure
        unread = [other for other in section.reports if other.failure is not None]
        return Checked(unread, [f"Nothing after line {report.line} of this chain could be checked."])
    report.passed(Step.LEDGER_KEY, "the service's keys are endorsed by a trusted root")
    run = _Run(section, trust, endorsed, logs, decisions)
    run.check()
    return Checked(section.reports, run.notes(), endorsed.ledger, dict(run.case.kinds), run.state())


def _opened(first: Entry, name: str, roots: Roots, endorsements: list[bytes] | None) -> Endorsed:
    """Step 2, on the first line: without an endorsed ledger key nothing else can be checked."""
    if is_service_chain(name):
        require(endorsements is not None, Step.LEDGER_KEY, "The first line does not say who endorsed the ledger's key.")
        return endorsed_keys(endorsements or [], roots)
    begins = first.kind == EntryKind.WARRANT_MINTED and first.sequence == 1
    require(begins, Step.PLACE, "The chain does not begin with entry 1, the minting of the incident's warrant.")
    return endorsed_keys(first.details.for_step(Step.LEDGER_KEY).list_of_data("endorsements"), roots)


class _Run:
    """One pass over the lines of a section."""

    def __init__(self, section: Section, trust: Trust, endorsed: Endorsed, logs: Logs, decisions: Decisions) -> None:
        self._section, self._logs, self._decisions = section, logs, decisions
        place, register = chain.Place(section.name), Register(trust.roots, section.name)
        self.case = Case(trust.roots, endorsed, place, register, trust.approval_lifetime, trust.people_roots)
        self._service = ServiceChain(section.name, trust.people_roots) if is_service_chain(section.name) else None
        if self._service is None:
            self._gather_warrants()

    def check(self) -> None:
        for entry, report in self._section.lines:
            if entry is not None:
                with report.refusing():
                    self._check_entry(entry, report)
        if self._section.end is None:
            report = self._section.lines[-1][1]
            sentence = "The chain does not end with an end line: its tail is missing."
            report.failure = report.failure or Refused(Step.END, sentence)
        else:
            end, report = self._section.end
            with report.refusing():
                self._check_end(end, report)
        if self._service is None:
            reports = {report.line: report for report in self._section.reports}
            for line, failure in outcomes.unbacked_executions(self.case):
                reports[line].failure = reports[line].failure or failure

    def state(self) -> str:
        return "" if self._service else self.case.run_status or "open"

    def notes(self) -> list[str]:
        notes = list(self.case.notes)
        if self._service is None and not self.case.run_status:
            notes.append(
                f"{self.case.place.name} has no run.completed entry: the incident was open when the file was written."
            )
        has_people = self.case.has_decisions or (self._service is not None and self._service.has_endorsements)
        if has_people and not self.case.people_roots:
            notes.append(WITHOUT_PEOPLE_ROOT)
        return notes

    def _gather_warrants(self) -> None:
        """Verify every warrant chain once, because a request may be recorded before the receipt of its call."""
        for entry in self._section.entries:
            try:
                self.case.warrants.verified(entry.details.list_of_data("warrant_chain"))
            except Refused:
                continue  # said when its own line is checked; most kinds carry none

    def _check_entry(self, entry: Entry, report: LineReport) -> None:
        case = self.case
        try:
            chain.check_signature(entry.envelope, Context.ENTRY, case.endorsed.ledger)
            report.passed(Step.SIGNATURE, "signed by the ledger key")
            chain.check_place(entry, case.place)
        finally:
            # The next line is compared with this one, so that one fault is named once.
            case.place.move(entry)
        report.passed(Step.PLACE, "linked to the entry before")
        chain.check_attachments(entry)
        report.passed(Step.ATTACHMENTS, chain.attached(entry, case.notes))
        case.kinds[entry.kind] += 1
        if self._service is not None:
            report.passed(Step.PEOPLE, self._service.check(entry))
        else:
            incident.check_kind(entry, report, case, self._decisions)

    def _check_end(self, end: End, report: LineReport) -> None:
        place, keys = self.case.place, self.case.endorsed.ledger
        chain.check_end(end, place, keys)
        report.passed(Step.END, f"signed; {place.size} entries, the last one's hash matches")
        report.passed(Step.LOG, self._logs.check_place(end.log, place.head, keys))
