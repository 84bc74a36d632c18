"""An incident's entries: every kind has its own steps."""

from __future__ import annotations

from audit.statements.kinds import EntryKind
from audit.verify import attenuating, conditions, minting, outcomes, people, receipts, warrants
from audit.verify.calls import check_call
from audit.verify.case import Case
from audit.verify.reading import Entry
from audit.verify.records import Decisions
from audit.verify.report import LineReport
from audit.verify.service import KEYS, PEOPLE, SERVICE
from audit.verify.steps import Refused, Step, require

_CALLS = (EntryKind.CALL_ALLOWED, EntryKind.CALL_DENIED, EntryKind.CALL_GATED)
_DECISIONS = (EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED)


def check_kind(entry: Entry, report: LineReport, case: Case, decisions: Decisions) -> None:
    """Take the steps of the entry's kind. Raises ``Refused``."""
    kind = EntryKind(entry.kind)
    if kind in _CALLS:
        _check_call(kind, entry, report, case)
    elif kind in _DECISIONS:
        report.passed(Step.DECISION, people.check_decision(entry, case))
        decisions.add(entry.details.data("key", 32), entry)
        report.passed(Step.PEOPLE, people.check_decider(entry, case))
        report.passed(Step.DISPLAY, people.check_displayed(entry, case))
        report.passed(Step.TERMS, conditions.check_decision(entry, case))
    elif kind is EntryKind.APPROVAL_RETRACTED:
        report.passed(Step.DECISION, people.check_retraction(entry, case))
        decisions.add(entry.details.data("key", 32), entry)
        report.passed(Step.PEOPLE, people.check_decider(entry, case))
    elif kind is EntryKind.WARRANT_MINTED:
        report.passed(Step.WARRANTS, minting.check_minted(entry, case))
        report.passed(Step.TERMS, conditions.check_minted(entry, case))
    elif kind is EntryKind.WARRANT_ATTENUATED:
        report.passed(Step.WARRANTS, attenuating.check_attenuated(entry, case))
        report.passed(Step.PEOPLE, attenuating.check_signer(entry, case))
        if attenuating.handing_on(entry, case):
            decisions.add(entry.details.data("key", 32), entry)
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
    elif kind in KEYS:
        raise Refused(Step.PLACE, "People's keys are recorded in a chain of their own, not in an incident's.")
    elif kind in PEOPLE:
        raise Refused(Step.PLACE, "What people may do is recorded in a chain of its own, not in an incident's.")
    elif kind in SERVICE:
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
