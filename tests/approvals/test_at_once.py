"""Several at the same moment: nothing is lost and nothing happens twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest
from django.db import connections

from approvals import errors
from approvals.contracts import ApprovalUse, RequestState
from approvals.decisions.services import record
from approvals.delivery.services import claim
from approvals.models import ApprovalRequest, Decision, Delivery, SpentNonce
from approvals.requests import services
from approvals.retractions.services import retract
from approvals.singleuse.services import consume
from audit.models import LedgerEntry
from audit.statements import terms
from audit.statements.kinds import EntryKind
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


def _at_once(*calls: Callable[[], T]) -> list[T | errors.ApprovalError]:
    """Run ``calls`` in threads that start together; return what each returned or was refused with."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | errors.ApprovalError:
        gate.wait()
        try:
            return call()
        except errors.ApprovalError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_two_people_deciding_at_once_leave_one_decision(ada: Approver, grace: Approver) -> None:
    one_denial_ends = {terms.EXTENSION: Terms(one_denial_ends=True).to_bytes()}
    asked = factories.open_request(ada, grace, extensions=one_denial_ends)
    approval, denial = ada.sign_approval(asked), grace.sign_denial(asked)
    outcomes = _at_once(
        lambda: record(person=ada.person, request_id=asked.pk, approval=approval),
        lambda: record(person=grace.person, request_id=asked.pk, denial=denial),
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, errors.AlreadyDecided)]
    assert len(refused) == 1
    assert Decision.objects.count() == Delivery.objects.count() == 1
    winner = Decision.objects.get()
    assert refused[0].sentence.startswith(winner.display_name)


def test_of_taking_back_and_the_last_approval_one_wins(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    given = ada.sign_approval(asked)
    record(person=ada.person, request_id=asked.pk, approval=given)
    last, back = grace.sign_approval(asked), ada.sign_retraction(asked, given)
    taken, approved = _at_once(
        lambda: retract(person=ada.person, request_id=asked.pk, retraction=back),
        lambda: record(person=grace.person, request_id=asked.pk, approval=last),
    )
    assert isinstance(approved, Decision), "Grace's approval is recorded either way"
    state = ApprovalRequest.objects.get(pk=asked.pk).state
    if isinstance(taken, errors.TooLateToRetract):
        assert (state, Delivery.objects.count()) == (RequestState.APPROVED, 1)
    else:
        assert (state, Delivery.objects.count()) == (RequestState.OPEN, 0)
        assert Decision.objects.filter(lapsed=False).count() == 1


def test_a_double_click_records_one_decision(ada: Approver) -> None:
    asked = factories.open_request(ada)
    signed = ada.sign_approval(asked)
    decisions = _at_once(*[lambda: record(person=ada.person, request_id=asked.pk, approval=signed)] * 6)
    assert len({decision.pk for decision in decisions if isinstance(decision, Decision)}) == 1
    assert not any(isinstance(decision, errors.ApprovalError) for decision in decisions)
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_GRANTED).count() == 1


def test_one_nonce_for_two_requests_at_once_counts_once(ada: Approver) -> None:
    first, second = factories.open_request(ada), factories.open_request(ada)
    signed = [ada.sign_approval(asked, nonce=b"n" * 16) for asked in (first, second)]
    outcomes = _at_once(
        lambda: record(person=ada.person, request_id=first.pk, approval=signed[0]),
        lambda: record(person=ada.person, request_id=second.pk, approval=signed[1]),
    )
    assert [type(outcome) for outcome in outcomes].count(errors.Replayed) == 1
    assert Decision.objects.count() == 1


def test_the_same_request_opened_at_once_is_one_request(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada))
    opened = _at_once(*[lambda: services.open(gate_request=sent)] * 6)
    assert {getattr(outcome, "pk", outcome) for outcome in opened} == {sent.request_id}
    assert ApprovalRequest.objects.count() == 1
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_REQUESTED).count() == 1


def test_relays_never_claim_the_same_job(ada: Approver) -> None:
    for _ in range(12):
        asked = factories.open_request(ada)
        record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    claimed = _at_once(*[lambda: claim(limit=3, lease_seconds=60)] * 6)
    ids = [job.id for jobs in claimed if isinstance(jobs, list) for job in jobs]
    assert len(ids) == len(set(ids))
    ids += [job.id for job in claim(limit=100, lease_seconds=60)]
    assert len(set(ids)) == 12


def test_of_fifty_dispatches_with_one_approval_one_runs(db: None) -> None:
    use = ApprovalUse(bytes(32), bytes(16), 1_900_000_000)

    def spend(owner: int) -> Callable[[], bool]:
        return lambda: consume([use], owner=f"run/{owner}")

    assert _at_once(*[spend(owner) for owner in range(50)]).count(True) == 1


def test_dispatches_that_share_approvals_never_lock_each_other_out(db: None) -> None:
    """The same ones in both orders: one gets all, and nobody a deadlock."""
    uses = [ApprovalUse(bytes(32), number.to_bytes(16), 1_900_000_000) for number in range(50)]
    orders = [uses, uses[::-1]] * 3
    won = _at_once(*[partial(consume, order, owner=f"run/{at}") for at, order in enumerate(orders)])
    assert won.count(True) == 1
    assert set(SpentNonce.objects.values_list("owner", flat=True)) == {f"run/{won.index(True)}"}
