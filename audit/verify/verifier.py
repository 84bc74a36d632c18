"""Verification of a whole file, line by line, in the order of ``audit.verify.steps``.

 1. Form            ``reading``
 2. Ledger key      ``trust``
 3. Signature       ``chain``
 4. Place           ``chain``
 5. Attachments     ``chain``
 6. Warrants        ``warrants``, ``minting``
 7. Receipt         ``receipts``
 8. Call            ``calls``
 9. Approvals       ``people``
10. Request         ``people``
11. Decision        ``people``
12. Outcome         ``outcomes``
13. End             ``chain``
14. People          ``people``
15. Display         ``display``
16. Terms           ``conditions``

A line fails at its first step that does not pass; the lines after it are still checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.statements.kinds import EntryKind
from audit.statements.statements import Context
from audit.verify import chain, conditions, minting, outcomes, people, reading, receipts, warrants
from audit.verify.calls import check_call
from audit.verify.case import Case
from audit.verify.reading import Checkpoint, Entry
from audit.verify.report import LineReport, Report
from audit.verify.steps import Refused, Step, require
from audit.verify.trust import Roots, endorsed_keys, people_roots_of

APPROVAL_LIFETIME_SECONDS = 24 * 3600
_CALLS = (EntryKind.CALL_ALLOWED, EntryKind.CALL_DENIED, EntryKind.CALL_GATED)
_KEYS = (
    EntryKind.KEY_ENROLLED,
    EntryKind.KEY_REVOKED,
    EntryKind.KEY_ENDORSED,
    EntryKind.PEOPLE_ROOT_ESTABLISHED,
    EntryKind.PASSKEY_ADDED,
    EntryKind.PASSKEY_REMOVED,
)
_PEOPLE = (EntryKind.ROLE_GRANTED, EntryKind.ROLE_REVOKED, EntryKind.PERSON_DISABLED, EntryKind.PERSON_ENABLED)
_SERVICE = (
    EntryKind.POLICY_PUBLISHED,
    EntryKind.POLICY_RETIRED,
    EntryKind.PAYLOAD_DECODED,
    EntryKind.PAYLOAD_ENCODED,
    EntryKind.RING_KEY_MADE,
    EntryKind.RING_KEY_RETIRED,
    EntryKind.RING_EXPORTED,
    EntryKind.HISTORY_EXPORTED,
    EntryKind.EVIDENCE_EXPORTED,
    EntryKind.PAYLOAD_ERASED,
    EntryKind.RETENTION_APPLIED,
)
_DECISIONS = (EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED)


def verify(
    data: bytes,
    *,
    roots: list[str],
    people_roots: Sequence[str] = (),
    approval_lifetime: int = APPROVAL_LIFETIME_SECONDS,
) -> Report:
    """Verify an evidence file with nothing but ``roots``: root public keys, 64 hexadecimal digits each.

    ``people_roots`` are those from which people's keys must be endorsed, in the same form; without any, whose keys
    signed is not checked, and the report says so.

    ``approval_lifetime`` is the longest life of a person's signature that counts as sane, in seconds.
    Raises ``UnusableInput`` if ``data`` is no evidence file or a root is no key.
    """
    trusted, people_keys = Roots.of(roots), people_roots_of(people_roots)
    lines = reading.split(data)
    reports = [LineReport(number) for number in range(1, len(lines) + 1)]
    read = [_read(line, report) for line, report in zip(lines, reports, strict=True)]
    entries = [item for item in read if isinstance(item, Entry)]
    name = _name(entries)
    case = _open_case(read[0], reports[0], trusted, name, approval_lifetime)
    if case is None:
        return Report(chain=name, lines=reports[:1], notes=["Nothing after the first line could be checked."])
    case.people_roots = people_keys
    _gather_warrants(entries, case)
    for item, report in zip(read, reports, strict=True):
        _check_line(item, report, case, is_last=report.line == len(lines))
    for line, failure in outcomes.unbacked_executions(case):
        reports[line - 1].failure = reports[line - 1].failure or failure
    if not case.run_status:
        case.notes.append("The file has no run.completed entry: the incident was open when it was written.")
    if case.has_decisions and not case.people_roots:
        case.notes.append(
            "Whose keys the approvers' are was not checked: give the people root with --people-root to check it."
        )
    return Report(name, reports, case.run_status or "open", dict(case.kinds), case.notes)


def _read(line: bytes, report: LineReport) -> Entry | Checkpoint | None:
    """Step 1."""
    try:
        if reading.is_checkpoint(line):
            report.entry = "checkpoint"
            return reading.read_checkpoint(report.line, line)
        entry = reading.read_entry(report.line, line)
    except Refused as failure:
        report.failure = failure
        return None
    report.entry = f"#{entry.sequence} {entry.kind}"
    return entry


def _name(entries: list[Entry]) -> str:
    chain_name = entries[0].facts.values.get("chain") if entries else ""
    return chain_name if isinstance(chain_name, str) else ""


def _open_case(
    first: Entry | Checkpoint | None, report: LineReport, roots: Roots, name: str, approval_lifetime: int
) -> Case | None:
    """Step 2, on the first line: without an endorsed ledger key nothing else can be checked."""
    if first is None:
        return None
    try:
        begins = isinstance(first, Entry) and first.kind == EntryKind.WARRANT_MINTED and first.sequence == 1
        require(begins, Step.PLACE, "The file does not begin with entry 1, the minting of the incident's warrant.")
        endorsed = endorsed_keys(first.details, roots) if isinstance(first, Entry) else None
    except Refused as failure:
        report.failure = failure
        return None
    report.passed(Step.LEDGER_KEY, "the service's keys are endorsed by a trusted root")
    register = warrants.Register(roots, name)
    return Case(roots, endorsed, chain.Place(name), register, approval_lifetime) if endorsed else None


def _gather_warrants(entries: list[Entry], case: Case) -> None:
    """Verify every warrant chain once, because a request may be recorded before the receipt of its call."""
    for entry in entries:
        try:
            case.warrants.verified(entry.details.list_of_data("warrant_chain"))
        except Refused:
            continue  # said when its own line is checked; most kinds carry none


def _check_line(item: Entry | Checkpoint | None, report: LineReport, case: Case, *, is_last: bool) -> None:
    if item is None:
        return
    try:
        if isinstance(item, Checkpoint):
            _check_last(item, report, case, is_last)
        else:
            require(not is_last, Step.END, "The file does not end with a checkpoint: its tail is missing.")
            _check_entry(item, report, case)
    except Refused as failure:
        report.failure = failure
    except Exception as error:
        # Whatever cannot be checked is not verified.
        report.failure = Refused(Step.FORM, f"The line cannot be checked ({type(error).__name__}).")


def _check_last(checkpoint: Checkpoint, report: LineReport, case: Case, is_last: bool) -> None:
    require(is_last, Step.END, "There are lines after the checkpoint.")
    chain.check_end(checkpoint, case.place, case.endorsed.ledger)
    report.passed(Step.END, f"signed; {case.place.size} entries, the last one's hash matches")


def _check_entry(entry: Entry, report: LineReport, case: Case) -> None:
    try:
        chain.check_signature(entry.envelope, Context.ENTRY, case.endorsed.ledger)
        report.passed(Step.SIGNATURE, "signed by the ledger key")
        chain.check_place(entry, case.place)
    finally:
        # The next line is compared with this one, so that one fault is named once.
        case.place.move(entry)
    report.passed(Step.PLACE, "linked to the entry before")
    chain.check_attachments(entry)
    report.passed(Step.ATTACHMENTS, _attachments(entry, case))
    case.kinds[entry.kind] += 1
    _check_kind(EntryKind(entry.kind), entry, report, case)


def _check_kind(kind: EntryKind, entry: Entry, report: LineReport, case: Case) -> None:
    if kind in _CALLS:
        _check_call(kind, entry, report, case)
    elif kind in _DECISIONS:
        report.passed(Step.DECISION, people.check_decision(entry, case))
        report.passed(Step.PEOPLE, people.check_decider(entry, case))
        report.passed(Step.DISPLAY, people.check_displayed(entry, case))
        report.passed(Step.TERMS, conditions.check_decision(entry, case))
    elif kind is EntryKind.APPROVAL_RETRACTED:
        report.passed(Step.DECISION, people.check_retraction(entry, case))
        report.passed(Step.PEOPLE, people.check_decider(entry, case))
    elif kind is EntryKind.WARRANT_MINTED:
        report.passed(Step.WARRANTS, minting.check_minted(entry, case))
        report.passed(Step.TERMS, conditions.check_minted(entry, case))
    elif kind is EntryKind.APPROVAL_REQUESTED:
        report.passed(Step.REQUEST, people.check_request(entry, case))
        report.passed(Step.DISPLAY, people.check_displayed(entry, case))
    elif kind is EntryKind.APPROVAL_EXPIRED:
        report.passed(Step.OUTCOME, outcomes.check_expired(entry, case))
    elif kind is EntryKind.APPROVAL_WITHDRAWN:
        report.passed(Step.OUTCOME, outcomes.check_withdrawn(entry, case))
    elif kind is EntryKind.APPROVAL_SUPERSEDED:
        report.passed(Step.OUTCOME, outcomes.check_superseded(entry, case))
    elif kind is EntryKind.CALL_RESULT:
        report.passed(Step.OUTCOME, outcomes.check_result(entry, case))
    elif kind is EntryKind.RUN_COMPLETED:
        report.passed(Step.OUTCOME, outcomes.check_completed(entry, case))
    elif kind in _KEYS:
        raise Refused(Step.PLACE, "People's keys are recorded in a chain of their own, not in an incident's.")
    elif kind in _PEOPLE:
        raise Refused(Step.PLACE, "What people may do is recorded in a chain of its own, not in an incident's.")
    elif kind in _SERVICE:
        raise Refused(Step.PLACE, "Policies, rings, decoded payloads and exports are recorded in chains of their own.")


def _check_call(kind: EntryKind, entry: Entry, report: LineReport, case: Case) -> None:
    presented = entry.details.for_step(Step.WARRANTS).list_of_data("warrant_chain")
    parsed = warrants.parse(presented)
    case.warrants.require_root(parsed)
    if kind is not EntryKind.CALL_DENIED:
        # A refused call may have come with a forged warrant: that is why it was refused.
        case.warrants.verified(presented)
        report.passed(Step.WARRANTS, "warrants verify from the root")
    _check_once(entry, case)
    arguments = receipts.read_arguments(entry, Step.RECEIPT)
    call = receipts.check_receipt(kind, entry.details, arguments, parsed, case.endorsed.receipts)
    report.passed(Step.RECEIPT, f"receipt of {call.tool} signed by an endorsed worker key")
    report.passed(Step.CALL, check_call(entry, call, case.roots))
    if kind is EntryKind.CALL_ALLOWED:
        report.passed(Step.APPROVALS, people.check_use(entry, call, case))
        report.passed(Step.PEOPLE, people.check_approvers(entry, case))
        report.passed(Step.DISPLAY, people.check_displayed(entry, case))
        report.passed(Step.TERMS, conditions.check_use(entry, case))


def _check_once(entry: Entry, case: Case) -> None:
    details = entry.details.for_step(Step.RECEIPT)
    receipt = details.data("receipt")
    number = (details.text("worker"), details.integer("worker_sequence"))
    new = receipt not in case.receipts and number not in case.worker_sequences
    require(new, Step.RECEIPT, "The same receipt was recorded before.")
    case.receipts.add(receipt)
    case.worker_sequences.add(number)


def _attachments(entry: Entry, case: Case) -> str:
    erased = [name for name, pair in entry.salted.items() if pair is None]
    if erased:
        case.notes.append(f"Line {entry.line}: erased, and not checked again: {', '.join(sorted(erased))}.")
    return f"{', '.join(sorted(entry.salted))} as attached" if entry.salted and not erased else ""
