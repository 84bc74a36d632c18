"""Verification of a whole bundle, line by line, in the order of ``audit.verify.steps``.

 1. Form            ``reading``, and here: the order of the lines
 2. Ledger key      ``trust``
 3. Signature       ``chain``
 4. Place           ``chain``
 5. Attachments     ``chain``
 6. Warrants        ``warrants``, ``minting``, ``attenuating``
 7. Receipt         ``receipts``
 8. Call            ``calls``
 9. Approvals       ``people``
10. Request         ``people``
11. Decision        ``people``
12. Outcome         ``outcomes``
13. End             ``chain``
14. People          ``people``, ``service``
15. Display         ``display``
16. Terms           ``conditions``
17. Log             ``logs``
18. Earlier         ``logs``
19. Population      here
20. Records         ``records``

A line fails at its first step that does not pass; the lines after it are still checked. One chain is held at a time,
and of what is done with: the hashes of what a search found, the keys that decided, the checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from audit.statements.chains import is_service_chain
from audit.statements.evidence import FORMAT
from audit.statements.population import Population
from audit.statements.statements import Context
from audit.verify import chain, reading
from audit.verify.logs import Kept, Logs
from audit.verify.reading import Bundle, Close, End, Entry, Item, UnusableInput
from audit.verify.records import Decisions
from audit.verify.report import LineReport, Report, Result, counted
from audit.verify.sections import Section, Trust, check_section
from audit.verify.steps import Refused, Step, require

APPROVAL_LIFETIME_SECONDS = 24 * 3600
NOT_CLOSED = "The file does not end with a close line: its tail is missing."

Tell = Callable[[Result, LineReport], None]


def verify(
    data: bytes,
    *,
    roots: list[str],
    people_roots: Sequence[str] = (),
    checkpoints: Sequence[bytes] = (),
    approval_lifetime: int = APPROVAL_LIFETIME_SECONDS,
) -> Report:
    """Verify a bundle that is in memory; as ``verify_lines``."""
    lines: list[LineReport] = []
    result = verify_lines(
        split(data),
        tell=lambda _, report: lines.append(report),
        roots=roots,
        people_roots=people_roots,
        checkpoints=checkpoints,
        approval_lifetime=approval_lifetime,
    )
    return Report(result, lines)


def verify_lines(
    lines: Iterable[bytes],
    *,
    tell: Tell,
    roots: list[str],
    people_roots: Sequence[str] = (),
    checkpoints: Sequence[bytes] = (),
    approval_lifetime: int = APPROVAL_LIFETIME_SECONDS,
) -> Result:
    """Verify a bundle, given as its lines, newlines included, with nothing but ``roots``: root public keys, 64
    hexadecimal digits each. ``tell`` is given every line's report, in order, as soon as its chain is checked.

    ``people_roots`` are those from which people's keys must be endorsed, in the same form; without any, whose keys
    signed is not checked, and the result says so. ``checkpoints`` are notes that were kept outside: what is here must
    go on from them.

    ``approval_lifetime`` is the longest life of a person's signature that counts as sane, in seconds.
    Raises ``UnusableInput`` if this is no evidence at all, a root is no key or a checkpoint none.
    """
    trust = Trust.of(roots, people_roots, approval_lifetime)
    run = Run(trust, [Kept.of(data) for data in checkpoints], tell)
    for number, line in enumerate(lines, start=1):
        if number == 1:
            require_evidence(line)
        if not run.take(LineReport(number), line):
            return run.result
    run.finish()
    return run.result


def split(data: bytes) -> list[bytes]:
    """Return the lines of ``data``, newlines included."""
    *whole, rest = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def require_evidence(first: bytes) -> None:
    if FORMAT.encode() not in first:
        raise UnusableInput(f"The file is not in the form {FORMAT}. Give a file that was written by export_receipts.")


@dataclass(frozen=True, slots=True)
class Part:
    """What was found in the whole chains ``first`` to ``last``, one after the other, in which nothing is wrong."""

    first: str
    last: str
    result: Result
    entries: int
    ledger_keys: frozenset[bytes]
    logs: Logs
    decisions: Decisions
    population: Population


class Run:
    """One pass over a bundle, or over some of its chains: then ``bundle`` is its first line."""

    def __init__(self, trust: Trust, kept: list[Kept], tell: Tell, bundle: Bundle | None = None) -> None:
        self.result = Result()
        self._trust, self._kept, self._tell = trust, kept, tell
        self._bundle = bundle
        self._section: Section | None = None
        self._first_name = self._last_name = ""
        self._ledger_keys: frozenset[bytes] = frozenset()
        self._logs, self._decisions, self._population = Logs(), Decisions(), Population()
        self._entries = self._records = 0
        self._is_closed = False
        self._noted: set[str] = set()
        # Told one line late: the last one is where a missing tail is named.
        self._waiting: LineReport | None = None

    def take(self, report: LineReport, line: bytes) -> bool:
        """Take the next line. Return False if nothing after it can be checked."""
        item = self._read(report, line)
        if self._bundle is None:
            return self._begin(item, report)
        if item is None:
            self._take_unreadable(report)
            return True
        if isinstance(item, Entry) and item.log is None:
            self._take_entry(item, report)
            return True
        if isinstance(item, End) and self._section is not None:
            self._section.end = (item, report)
            self._finish_section()
            return True
        self._finish_section()
        with report.refusing():
            self._check(item, report)
        self._report(report)
        return True

    @property
    def bundle(self) -> Bundle | None:
        """The first line, once it was read."""
        return self._bundle

    def part(self) -> Part | None:
        """Return what was found in the lines so far, or None if they are not whole chains in which nothing is wrong."""
        self._tell_waiting()
        if self.result.failed or self._section is not None or self._records or self._is_closed:
            return None
        return Part(
            first=self._first_name,
            last=self._last_name,
            result=self.result,
            entries=self._entries,
            ledger_keys=self._ledger_keys,
            logs=self._logs,
            decisions=self._decisions,
            population=self._population,
        )

    def absorb(self, part: Part, reports: Iterable[LineReport]) -> bool:
        """Take the next lines as read elsewhere. False, and nothing is taken, if here they might be found wrong."""
        is_next = self._section is None and not self._records and not self._is_closed and part.first > self._last_name
        if not is_next or not self._logs.absorb(part.logs):
            return False
        self._last_name = part.last
        self._entries += part.entries
        self._ledger_keys |= part.ledger_keys
        self._decisions.absorb(part.decisions)
        self._population.absorb(part.population)
        self.result.chains += part.result.chains
        self.result.counts.update(part.result.counts)
        self._note(*part.result.notes)
        for report in reports:
            self._report(report)
        return True

    def finish(self) -> None:
        """All lines were taken."""
        if self._waiting is None and self._section is None:
            raise UnusableInput("The file is empty. Give a file that was written by export_receipts.")
        self._finish_section()
        if not self._is_closed and self._waiting is not None:
            self._waiting.failure = self._waiting.failure or Refused(Step.FORM, NOT_CLOSED)
        self._tell_waiting()

    def _read(self, report: LineReport, line: bytes) -> Item | None:
        """Step 1."""
        item: Item | None = None
        with report.refusing():
            item = reading.read(report.line, line)
        if isinstance(item, Entry):
            report.entry, report.chain, report.says = f"#{item.sequence} {item.kind}", item.chain, item.says
        elif item is not None:
            report.entry = type(item).__name__.lower()
        return item

    def _begin(self, item: Item | None, report: LineReport) -> bool:
        if isinstance(item, Bundle):
            self._bundle = item
            self.result.subject, self.result.chain = item.subject, item.chain
            report.passed(Step.FORM, f"about {item.subject}")
        elif report.failure is None:
            report.failure = Refused(Step.FORM, "The file does not begin with a bundle line.")
        self._report(report)
        if self._bundle is None:
            self.result.notes.append("Nothing after the first line could be checked.")
            self._tell_waiting()
        return self._bundle is not None

    def _take_unreadable(self, report: LineReport) -> None:
        if self._section is not None:
            self._section.lines.append((None, report))
        else:
            self._report(report)

    def _take_entry(self, entry: Entry, report: LineReport) -> None:
        self._entries += 1
        if entry.is_match:
            self._population.add(
                at_ms=entry.at_ms, chain=entry.chain, sequence=entry.sequence, entry_hash=entry.entry_hash
            )
        if self._section is None:
            self._open_section(entry)
        if self._section is not None:
            self._section.lines.append((entry, report))

    def _open_section(self, first: Entry) -> None:
        about = self._bundle.chain if self._bundle else ""
        self._section = Section(about or first.chain)
        self.result.chains += 1
        sentence = ""
        if self._is_closed:
            sentence = _AFTER_CLOSE
        elif self._records:
            sentence = "The chains come before the records."
        elif about and self.result.chains > 1:
            sentence = "A bundle about one chain holds no other."
        elif first.chain <= self._last_name:
            sentence = "The chains are not in the order of their names, each once."
        self._section.fault = Refused(Step.FORM, sentence) if sentence else None
        self._first_name = self._first_name or first.chain
        self._last_name = first.chain

    def _finish_section(self) -> None:
        section, self._section = self._section, None
        if section is None or self._bundle is None:
            return
        for report in section.reports:
            report.chain = section.name
        checked = check_section(
            section,
            trust=self._trust,
            endorsements=self._bundle.endorsements,
            logs=self._logs,
            decisions=self._decisions,
        )
        self._ledger_keys |= checked.ledger_keys
        self.result.counts.update(checked.counts)
        if self._bundle.chain:
            self.result.state = self.result.state or checked.state
        self._note(*checked.notes)
        for report in checked.reports:
            self._report(report)

    def _check(self, item: Item, report: LineReport) -> None:
        require(not self._is_closed, Step.FORM, _AFTER_CLOSE)
        require(not isinstance(item, Bundle), Step.FORM, "There is a second bundle line.")
        require(not isinstance(item, End), Step.FORM, "There is no chain that this line could end.")
        if isinstance(item, Entry):
            self._check_record(item, report)
        elif isinstance(item, Close):
            self._is_closed = True
            self._check_close(item, report)

    def _check_record(self, record: Entry, report: LineReport) -> None:
        """Steps 3, 5, 17 and 20."""
        self._records += 1
        chain.check_signature(record.envelope, Context.ENTRY, self._ledger_keys)
        report.passed(Step.SIGNATURE, "signed by the ledger key")
        chain.check_attachments(record)
        report.passed(Step.ATTACHMENTS, chain.attached(record, self.result.notes))
        if record.log is not None:
            report.passed(Step.LOG, self._logs.check_place(record.log, record.entry_hash, self._ledger_keys))
        is_service = self._bundle is not None and is_service_chain(self._bundle.chain)
        require(not is_service, Step.RECORDS, "A bundle about a chain of the service's own has no records.")
        report.passed(Step.RECORDS, self._decisions.check(record))

    def _check_close(self, close: Close, report: LineReport) -> None:
        """Steps 18 and 19."""
        report.passed(Step.EARLIER, self._logs.check_earlier(close.earlier, self._kept, self._ledger_keys, self._note))
        totals = self.result.population = self._population.totals()
        sentence = "The file holds no entry: nothing in it is signed, so nothing can be verified."
        require(self._entries > 0, Step.POPULATION, sentence)
        _require_counted("chains", close.chains, self.result.chains)
        _require_counted("entries", close.entries, self._entries)
        _require_counted("records", close.records, self._records)
        _require_counted("matches", close.totals.count, totals.count)
        if self._bundle is not None and self._bundle.chain:
            _require_counted("chains of a bundle about one", close.chains, 1)
            _require_counted("matches of a bundle about one chain", totals.count, self._entries)
        sentence = "The months of the last line are not those of the entries that match."
        require(close.totals.periods == totals.periods, Step.POPULATION, sentence)
        require(close.totals.root == totals.root, Step.POPULATION, "The root of the last line is over other entries.")
        matching = f"{totals.count} of {self._entries} entries match" if not self._bundle_chain() else "every entry"
        report.passed(
            Step.POPULATION, f"{matching}; the roots of {counted(len(totals.periods), 'month')} are over them"
        )

    def _bundle_chain(self) -> str:
        return self._bundle.chain if self._bundle is not None else ""

    def _note(self, *notes: str) -> None:
        fresh = [note for note in dict.fromkeys(notes) if note not in self._noted]
        self._noted.update(fresh)
        self.result.notes += fresh

    def _report(self, report: LineReport) -> None:
        self._tell_waiting()
        self._waiting = report

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.result.count(waiting)
            self._tell(self.result, waiting)


_AFTER_CLOSE = "There are lines after the close line."


def _require_counted(name: str, said: int, found: int) -> None:
    require(said == found, Step.POPULATION, f"The last line counts {said} {name}; there are {found}.")
