"""The decision machine, on the real services and database: no order of events breaks what it promises.

Three people with four keys decide one request after another, while the time runs out, the workflow goes away, and
the relay delivers late and twice. The workflow is played by the gate's own rules (``workers.gates.verdicts``).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import ClassVar

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from approvals.contracts import DecisionKind, Outcome, OutcomeStatus, RequestState
from approvals.decisions.services import record
from approvals.delivery.services import claim, mark_failed, mark_sent
from approvals.errors import ApprovalError
from approvals.models import ApprovalRequest, Decision, Delivery
from approvals.requests import services
from approvals.requests.chain import parse
from approvals.retractions.services import retract
from audit.models import LedgerEntry
from audit.statements import statements, terms
from audit.statements.kinds import EntryKind
from audit.statements.quorum import EXTENSION, same_person
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver, binding
from tests.endorsing import ROOT
from workers.gates.verdicts import Gate

PEOPLE = 3
# Ada's laptop and phone, Grace's key, Bob's key.
KEYS = st.sampled_from(range(4))


class DecisionMachine(RuleBasedStateMachine):
    """``yes`` maps people whose approval stands to its bytes; ``no`` holds those who denied."""

    keys: ClassVar[list[Approver]]

    @initialize(threshold=st.integers(1, PEOPLE), one_denial_ends=st.booleans())
    def ask(self, threshold: int, one_denial_ends: bool) -> None:
        self.threshold, self.one_denial_ends = threshold, one_denial_ends
        people = same_person((who.public_key, who.person.external_id) for who in self.keys)
        extensions = {EXTENSION: people, terms.EXTENSION: Terms(one_denial_ends=one_denial_ends).to_bytes()}
        self.asked = factories.open_request(*self.keys, min_approvals=threshold, extensions=extensions)
        self.gate = Gate(
            binding=binding(self.asked),
            request_hash=bytes(self.asked.request_hash),
            quorum=parse(self.asked.warrant_chain).quorum,
            signature_lifetime_seconds=900,
            is_people_root=lambda key: key == ROOT,
        )
        self.yes: dict[str, bytes] = {}
        self.no: set[str] = set()
        self.sent: list[tuple[Approver, DecisionKind, bytes]] = []
        self.taken: list[tuple[Approver, bytes]] = []
        self.recorded: list[bytes] = []
        self.settled: RequestState | None = None
        self.final: RequestState | None = None
        self.ran = 0
        self.is_gone = False

    # --- People -----------------------------------------------------------------------------

    @rule(key=KEYS)
    def approve(self, key: int) -> None:
        who = self.keys[key]
        self.send(who, DecisionKind.APPROVE, who.sign_approval(self.asked))

    @rule(key=KEYS)
    def deny(self, key: int) -> None:
        who = self.keys[key]
        self.send(who, DecisionKind.DENY, who.sign_denial(self.asked))

    def send(self, who: Approver, kind: DecisionKind, signed: bytes) -> None:
        self.sent.append((who, kind, signed))
        self.decide(who, kind, signed)

    def decide(self, who: Approver, kind: DecisionKind, signed: bytes) -> None:
        person = who.person.external_id
        may = self.is_open and person not in self.yes and person not in self.no
        assert self.record(who, kind, signed) == may
        if not may:
            return
        self.recorded.append(signed)
        if kind is DecisionKind.APPROVE:
            self.yes[person] = signed
            if len(self.yes) >= self.threshold:
                self.settled = RequestState.APPROVED
        else:
            self.no.add(person)
            if self.one_denial_ends or PEOPLE - len(self.no) < self.threshold:
                self.settled = RequestState.DENIED
                self.final = RequestState.DENIED

    def record(self, who: Approver, kind: DecisionKind, signed: bytes) -> bool:
        sides = {"approval": signed} if kind is DecisionKind.APPROVE else {"denial": signed}
        try:
            record(person=who.person, request_id=self.asked.pk, **sides)
        except ApprovalError:
            return False
        return True

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Somebody sends again what was sent before: what was recorded changes nothing, whatever the answer.

        What was refused, since its person had approved already, was not used: it counts once that approval has run out.
        """
        who, kind, signed = data.draw(st.sampled_from(self.sent))
        if signed in self.recorded:
            self.record(who, kind, signed)
        else:
            self.decide(who, kind, signed)

    @precondition(lambda self: self.yes)
    @rule(key=KEYS)
    def take_back(self, key: int) -> None:
        """With either key, one's own approval; somebody else's, if there is none."""
        who = self.keys[key]
        person = who.person.external_id
        signed = who.sign_retraction(self.asked, self.yes.get(person, min(self.yes.values())))
        may = self.is_open and person in self.yes
        assert self.retract(who, signed) == may
        if may:
            del self.yes[person]
            self.taken.append((who, signed))

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def take_back_again(self, data: st.DataObject) -> None:
        self.retract(*data.draw(st.sampled_from(self.taken)))

    def retract(self, who: Approver, signed: bytes) -> bool:
        try:
            retract(person=who.person, request_id=self.asked.pk, retraction=signed)
        except ApprovalError:
            return False
        return True

    # --- Time and the workflow --------------------------------------------------------------

    @precondition(lambda self: self.yes and self.is_open)
    @rule()
    def let_signatures_run_out(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        Decision.objects.filter(approval_request=self.asked, kind=DecisionKind.APPROVE).update(expires_at=past)
        # They lapse with the next decision; who signed them may sign again.
        for person in list(self.yes):
            del self.yes[person]

    @precondition(lambda self: self.is_open)
    @rule()
    def let_the_time_pass(self) -> None:
        past = timezone.now() - timedelta(hours=1)
        ApprovalRequest.objects.filter(pk=self.asked.pk).update(opened_at=past, expires_at=past + timedelta(seconds=1))
        self.report(OutcomeStatus.EXPIRED)
        self.final = RequestState.EXPIRED
        self.is_gone = True

    @precondition(lambda self: not self.is_gone)
    @rule()
    def withdraw(self) -> None:
        services.withdraw(request_id=self.asked.pk, reason="It moved on.")
        self.final = self.final or RequestState.WITHDRAWN
        self.is_gone = True

    @precondition(lambda self: self.settled is not None)
    @rule(twice=st.booleans())
    def deliver(self, twice: bool) -> None:
        jobs = [job for job in claim(limit=1000, lease_seconds=0) if job.decision.request_id == self.asked.pk]
        for job in jobs:
            if self.is_gone:
                mark_failed(job_id=job.id, error="gone", gone=True)
                continue
            for _ in range(2 if twice else 1):
                self.gate.offer(job.decision, int(time.time()))
            assert self.gate.is_settled, "the server says that it is settled, and the workflow waits on"
            assert self.gate.is_approved == (self.settled is RequestState.APPROVED)
            if not twice:  # a relay that dies here sends it again
                mark_sent(job_id=job.id)
        if self.gate.is_approved and not self.ran:
            self.ran += 1
            self.report(OutcomeStatus.EXECUTED)
            self.final = RequestState.EXECUTED
        elif self.gate.is_denied:
            self.report(OutcomeStatus.DENIED)

    @precondition(lambda self: self.final is not None)
    @rule(status=st.sampled_from([OutcomeStatus.DENIED, OutcomeStatus.EXPIRED, OutcomeStatus.WITHDRAWN]))
    def report_late(self, status: OutcomeStatus) -> None:
        """Reports overtake each other, and some say what is not so."""
        self.report(status)

    def report(self, status: OutcomeStatus) -> None:
        services.close(outcome=Outcome(self.asked.pk, status, at_ms=int(time.time() * 1000)))

    # --- What always holds ------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self.settled is None and self.final is None

    @invariant()
    def it_stands_where_its_decisions_put_it(self) -> None:
        state = ApprovalRequest.objects.values_list("state", flat=True).get(pk=self.asked.pk)
        assert state == (self.final or self.settled or RequestState.OPEN)

    @invariant()
    def nothing_is_approved_without_its_quorum_of_people(self) -> None:
        standing = Decision.objects.filter(approval_request=self.asked, kind=DecisionKind.APPROVE, lapsed=False)
        people = set(standing.values_list("external_id", flat=True))
        if self.settled is RequestState.APPROVED or self.ran:
            assert len(people) >= self.threshold
            assert people == set(self.yes)
        assert self.ran <= 1

    @invariant()
    def no_decision_is_lost_or_doubled(self) -> None:
        rows = Decision.objects.filter(approval_request=self.asked).select_related("approval_request")
        kept = sorted(decision.signed for decision in rows)
        assert kept == sorted(self.in_ledger("approval", "denial"))
        assert kept == sorted(self.recorded)
        assert len(self.in_ledger("retraction")) == len(self.taken)
        assert Delivery.objects.filter(approval_request=self.asked).count() == (self.settled is not None)

    def in_ledger(self, *names: str) -> list[bytes]:
        """Return what people signed, as the ledger has it under ``names``."""
        kinds = (EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED, EntryKind.APPROVAL_RETRACTED)
        entries = LedgerEntry.objects.filter(chain=self.asked.chain, kind__in=kinds)
        said = [statements.parse(bytes(entry.envelope)).facts["details"] for entry in entries]
        return [details[name] for details in said for name in names if name in details]


@pytest.mark.django_db
def test_no_order_of_events_breaks_a_promise() -> None:
    ada, grace, bob = (factories.approver(name) for name in ("ada", "grace", "bob"))
    phone = Approver(ada.person, factories.enrol_key(ada.person, name="Phone"))
    DecisionMachine.keys = [ada, phone, grace, bob]
    run_state_machine_as_test(
        DecisionMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
