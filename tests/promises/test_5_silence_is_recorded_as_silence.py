"""Promise 5: a timeout never becomes a person's decision.

The attacker may signal workflows, start workflows on the approvals task queue (so that the application hears any
report they like), and ask again in any words. They want silence to look like Ada's yes or no.

Tried elsewhere: an expiry that the ledger records too early, ``tests/audit/test_verify_attacks.py``; requests that
take over from others they are not about, ``tests/approvals/test_asking_again.py``.
"""

from __future__ import annotations

import dataclasses
import time
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse

from approvals.contracts import CLOSING_REPORT_WORKFLOW, ClosingReport, Outcome, OutcomeStatus, RequestState
from approvals.models import ApprovalRequest, Decision
from approvals.requests import services
from approvals.requests.queries import request_page
from audit.export.services import bundle_of
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.gates import agents
from tests.promises.conftest import House, eventually
from warrants.issuers.queries import trusted_roots
from workers.gates.settings import GateSettings

BY_PEOPLE = [EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED]
SHOUTS: list[Any] = [
    {"denials": [""], "approvals": [""]},
    {"denials": "all", "denied_by": "local:ada"},
    {"expired": True, "status": "denied", "person": "local:ada"},
    {"approvals": [None, 7, {}, "e30=", "\ud83d\ude00"]},
    {"request_id": ["a list"]},
]


def evidence(chain: str) -> Report:
    return verify(b"".join(bundle_of(chain).lines()), roots=[root.hex() for root in trusted_roots()])


@pytest.mark.temporal
@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio(loop_scope="session")
class TestNobodyAnswers:
    @pytest.fixture
    def gate_settings(self, gate_settings: GateSettings) -> GateSettings:
        return GateSettings(
            request_lifetime_seconds=4,
            delivery_grace_seconds=0,
            approvals_task_queue=gate_settings.approvals_task_queue,
        )

    async def silence(self, house: House) -> ApprovalRequest:
        """Return a request that timed out although somebody shouted all the while."""
        handle, waiting = await house.waiting()
        for shout in SHOUTS:
            await house.signal(handle, {"request_id": waiting.pk, **shout})
        assert (await handle.result()).startswith("APPROVAL_EXPIRED: Nobody decided")
        await eventually(ApprovalRequest.objects.filter(pk=waiting.pk, state=RequestState.EXPIRED).afirst)
        return waiting

    async def report(self, house: House, waiting: ApprovalRequest, status: str) -> None:
        """Let the application hear a report that no gate sent."""
        now = time.time_ns() // 1_000_000
        outcome = Outcome(waiting.pk, status, now, error_type="APPROVAL_DENIED", detail="local:ada said so.")
        name, queue = f"forged-{uuid.uuid4()}", house.settings.approvals_task_queue
        report = ClosingReport(outcomes=[outcome])
        await house.plain.execute_workflow(CLOSING_REPORT_WORKFLOW, report, id=name, task_queue=queue)

    async def test_a_report_of_a_denial_puts_no_words_into_anybodys_mouth(self, house: House) -> None:
        waiting = await self.silence(house)
        for status in ("denied", "withdrawn", "expired"):
            await self.report(house, waiting, status)
        await waiting.arefresh_from_db()
        assert (waiting.state, waiting.outcome_status) == (RequestState.EXPIRED, OutcomeStatus.EXPIRED)
        assert await LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_EXPIRED).acount() == 1
        assert not await LedgerEntry.objects.filter(kind__in=BY_PEOPLE).aexists()
        assert not await Decision.objects.aexists()
        report = await sync_to_async(evidence)(waiting.chain)
        assert report.verified, report.as_text()

    async def test_a_report_that_it_ran_is_nobodys_approval_and_the_evidence_refuses_it(self, house: House) -> None:
        waiting = await self.silence(house)
        await self.report(house, waiting, "executed")
        assert not await LedgerEntry.objects.filter(kind__in=BY_PEOPLE).aexists()
        assert not await Decision.objects.aexists()
        assert agents.effects == []
        report = await sync_to_async(evidence)(waiting.chain)
        assert not report.verified
        assert "no receipt here allowed it" in report.as_text()
        page = await sync_to_async(self.page)(house.ada, waiting)
        assert "too few people approved it" in page
        assert "verified the signatures" not in page

    @staticmethod
    def page(ada: Approver, waiting: ApprovalRequest) -> str:
        client = Client()
        client.force_login(ada.person)
        return client.get(reverse("approvals:request", args=[waiting.pk])).content.decode()


@pytest.mark.django_db
def test_asking_again_cannot_say_that_somebody_approved_before(ada: Approver, client: Client) -> None:
    """The reason is the agent's word and is shown as that; who approved, and when, comes from what people signed."""
    asked = factories.gate_request(factories.mint(ada))
    services.open(gate_request=asked)
    services.close(outcome=Outcome(asked.request_id, OutcomeStatus.EXPIRED, time.time_ns() // 1_000_000))
    lie = "The approval of local:ada expired before a worker was there."
    after = services.open(
        gate_request=dataclasses.replace(
            asked, request_id="apr_asked_again", supersedes=asked.request_id, why_again=lie
        )
    )
    page = request_page(person=ada.person, request_id=after.pk)
    assert [earlier.lapsed for earlier in page.earlier] == [[]]
    client.force_login(ada.person)
    text = client.get(reverse("approvals:request", args=[after.pk])).content.decode()
    assert f"Given as the reason, by the agent’s worker and not verified: {lie}" in text
    assert "’s approval of" not in text
