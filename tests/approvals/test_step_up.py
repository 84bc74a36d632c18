"""A policy asks for a fresh second factor before an approval: what counts, and what must not."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import tenuo_core
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.keys.queries import active_keys
from accounts.models import StepUp
from accounts.step_up import contracts
from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision
from approvals.requests import services as requests
from audit.ledger.wording import word
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from tests.accounts.authenticator import JSON, add_passkey, step_up
from tests.accounts.test_passkeys import by_link, second_factor
from tests.approvals import factories
from tests.approvals.factories import Approver
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident
from warrants.minting.services import mint
from warrants.policies import release as policies

SESSION = "the-session-of-ada"


@pytest.fixture
def asked(ada: Approver) -> ApprovalRequest:
    """A request that asks Ada for a second factor at most five minutes old."""
    return ask(factories.open_request(ada))


def ask(approval_request: ApprovalRequest, seconds: int = 300) -> ApprovalRequest:
    approval_request.step_up_seconds = seconds
    approval_request.save()
    return approval_request


def give(who: Approver, approval_request: ApprovalRequest, **changes: Any) -> StepUp:
    """Let ``who`` have stepped up for a request."""
    facts = {
        "person": who.person,
        "purpose": contracts.approval(approval_request.pk),
        "session": contracts.session_mark(SESSION),
        "method": contracts.Method.PASSKEY,
        **changes,
    }
    return StepUp.objects.create(**facts)


def approve(who: Approver, approval_request: ApprovalRequest, session_key: str = SESSION) -> Decision:
    signed = who.sign_approval(approval_request)
    return record(person=who.person, request_id=approval_request.pk, approval=signed, session_key=session_key)


def details_of(kind: EntryKind) -> dict[str, Any]:
    entry = LedgerEntry.objects.get(kind=kind)
    return dict(statements.parse(bytes(entry.envelope)).facts["details"])


@pytest.mark.django_db
class TestDeciding:
    def test_without_a_step_up_nothing_is_approved(self, ada: Approver, asked: ApprovalRequest) -> None:
        with pytest.raises(errors.StepUpNeeded, match=r"at most 5 minutes before\. Do it in your browser"):
            approve(ada, asked)
        assert not Decision.objects.exists()
        assert ApprovalRequest.objects.get().state == RequestState.OPEN

    def test_with_one_it_is_and_decision_and_ledger_say_so(self, ada: Approver, asked: ApprovalRequest) -> None:
        given = give(ada, asked)
        decision = approve(ada, asked)
        assert (decision.step_up_method, decision.stepped_up_at) == ("passkey", given.at)
        details = details_of(EntryKind.APPROVAL_GRANTED)
        assert details["step_up"] == {"method": "passkey", "at": int(given.at.timestamp())}
        proof = {fact.label: fact.value for fact in word(EntryKind.APPROVAL_GRANTED, details).proof}
        assert proof["Confirmed with"].startswith("a passkey at ")
        given.refresh_from_db()
        assert given.used_at is not None

    def test_denying_never_needs_it(self, ada: Approver, asked: ApprovalRequest) -> None:
        give(ada, asked)
        record(person=ada.person, request_id=asked.pk, denial=ada.sign_denial(asked))
        assert ApprovalRequest.objects.get().state == RequestState.DENIED
        assert "step_up" not in details_of(EntryKind.APPROVAL_DENIED)
        assert StepUp.objects.get().used_at is None

    def test_a_policy_that_does_not_ask_leaves_it_unused(self, ada: Approver, waiting: ApprovalRequest) -> None:
        give(ada, waiting)
        decision = approve(ada, waiting)
        assert (decision.step_up_method, decision.stepped_up_at) == ("", None)
        assert StepUp.objects.get().used_at is None

    def test_the_same_bytes_again_need_no_second_one(self, ada: Approver, asked: ApprovalRequest) -> None:
        give(ada, asked)
        signed = ada.sign_approval(asked)
        facts = {"person": ada.person, "request_id": asked.pk, "approval": signed, "session_key": SESSION}
        assert record(**facts).pk == record(**facts).pk

    def test_one_step_up_lets_one_request_through(self, ada: Approver, asked: ApprovalRequest) -> None:
        other = ask(factories.open_request(ada))
        give(ada, asked)
        with pytest.raises(errors.StepUpNeeded):
            approve(ada, other)
        approve(ada, asked)

    @pytest.mark.parametrize(
        "changes",
        [
            {"at": timezone.now() - timedelta(hours=1)},
            {"used_at": timezone.now()},
            {"session": contracts.session_mark("another session")},
            {"session": contracts.session_mark("")},
            {"purpose": "passkeys"},
        ],
        ids=["old", "used", "another session", "no session", "for passkeys"],
    )
    def test_a_wrong_step_up_does_not_count(
        self, ada: Approver, asked: ApprovalRequest, changes: dict[str, Any]
    ) -> None:
        give(ada, asked, **changes)
        with pytest.raises(errors.StepUpNeeded):
            approve(ada, asked)
        assert not Decision.objects.exists()

    def test_a_step_up_without_a_session_does_not_count(self, ada: Approver, asked: ApprovalRequest) -> None:
        give(ada, asked, session=contracts.session_mark(""))
        with pytest.raises(errors.StepUpNeeded):
            approve(ada, asked, session_key="")

    def test_another_persons_step_up_does_not_count(self, ada: Approver, grace: Approver) -> None:
        asked = ask(factories.open_request(ada, grace, min_approvals=2))
        give(grace, asked)
        with pytest.raises(errors.StepUpNeeded):
            approve(ada, asked)
        approve(grace, asked)

    def test_a_decision_that_is_refused_for_another_reason_uses_nothing_up(
        self, ada: Approver, asked: ApprovalRequest
    ) -> None:
        give(ada, asked)
        signed = ada.sign_approval(asked, run_id="another-run")
        with pytest.raises(errors.WrongBinding):
            record(person=ada.person, request_id=asked.pk, approval=signed, session_key=SESSION)
        assert StepUp.objects.get().used_at is None
        approve(ada, asked)


@pytest.mark.django_db
class TestPolicy:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder of policies whose only one asks for a second factor at most two minutes old."""
        text = (policies.FOLDER / "incident-response.yaml").read_text()
        (tmp_path / "incident-response.yaml").write_text(f"{text}\nstep_up_seconds: 120\n")
        monkeypatch.setattr(policies, "FOLDER", tmp_path)
        return tmp_path

    def open_one(self, chain: list[bytes]) -> ApprovalRequest:
        """Open a request of a workflow of its own: another run of the same one would take over from it."""
        key, workflow_id = tenuo_core.SigningKey.generate(), f"incident-{uuid.uuid4()}"
        minted = factories.Minted(chain, key, key)
        return requests.open(gate_request=factories.gate_request(minted, workflow_id=workflow_id))

    def test_a_request_keeps_the_terms_its_warrant_was_minted_under(self, ada: Approver, folder: Path) -> None:
        incident = Incident("P1042", "Errors", "high", "payment-service-prod", "default")
        facts = {"policy": "incident-response", "incident": incident, "agent": ensure_agent(name="incident-agent")}
        chain = mint(**facts, approvers=list(active_keys())).chain
        first = self.open_one(chain)
        assert first.step_up_seconds == 120
        assert details_of(EntryKind.APPROVAL_REQUESTED)["step_up_seconds"] == 120
        path = folder / "incident-response.yaml"
        path.write_text(path.read_text().replace("step_up_seconds: 120", ""))
        assert self.open_one(chain).step_up_seconds == 120
        first.refresh_from_db()
        assert first.step_up_seconds == 120
        with pytest.raises(errors.StepUpNeeded, match="at most 2 minutes before"):
            approve(ada, first)
        assert self.open_one(mint(**facts, approvers=list(active_keys())).chain).step_up_seconds is None


@pytest.mark.django_db(transaction=True)
def test_of_two_approvals_at_once_with_one_step_up_one_wins(ada: Approver) -> None:
    asked = ask(factories.open_request(ada))
    give(ada, asked)
    signed = [ada.sign_approval(asked) for _ in range(2)]
    gate = threading.Barrier(2)

    def run(approval: bytes) -> Decision | errors.ApprovalError:
        gate.wait()
        try:
            return record(person=ada.person, request_id=asked.pk, approval=approval, session_key=SESSION)
        except errors.ApprovalError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(run, signed))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyDecided", "Decision"]
    assert Decision.objects.count() == StepUp.objects.exclude(used_at=None).count() == 1


@pytest.mark.django_db
class TestPages:
    def post(self, client: Client, who: Approver, approval_request: ApprovalRequest, **headers: str) -> Any:
        fields = {"approval": factories.base64_text(who.sign_approval(approval_request))}
        return client.post(f"/approvals/{approval_request.pk}/decision/", fields, headers=headers or JSON)

    def test_the_browser_is_told_with_a_code_and_then_succeeds(self, ada: Approver, asked: ApprovalRequest) -> None:
        client = by_link(ada.person)
        passkey = add_passkey(client)
        client = by_link(ada.person)
        second_factor(client, passkey)
        answer = self.post(client, ada, asked)
        assert (answer.status_code, answer.json()["code"]) == (409, "step_up_needed")
        fragment = self.post(client, ada, asked, **{"HX-Request": "true", "accept": "text/html"})
        assert 'data-code="step_up_needed"' in fragment.content.decode()
        assert step_up(client, passkey, contracts.approval(asked.pk)).status_code == 200
        assert self.post(client, ada, asked).json()["state"] == "approved"
        page = client.get(f"/approvals/{asked.pk}/").content.decode()
        assert "Confirmed with a passkey" in page

    def test_a_step_up_in_one_session_is_no_use_in_a_stolen_one(self, ada: Approver, asked: ApprovalRequest) -> None:
        passkey = add_passkey(by_link(ada.person))
        own, stolen = by_link(ada.person), by_link(ada.person)
        second_factor(own, passkey)
        second_factor(stolen, passkey)
        step_up(own, passkey, contracts.approval(asked.pk))
        assert self.post(stolen, ada, asked).json()["code"] == "step_up_needed"

    def test_the_page_says_how(self, ada: Approver, asked: ApprovalRequest, waiting: ApprovalRequest) -> None:
        client = by_link(ada.person)
        page = client.get(f"/approvals/{asked.pk}/").content.decode()
        assert 'data-means="none"' in page
        assert f"/passkeys/?next=/approvals/{asked.pk}/" in page
        add_passkey(client)
        assert 'data-means="passkey"' in client.get(f"/approvals/{asked.pk}/").content.decode()

    def test_the_page_says_nothing_where_nothing_is_asked(self, ada: Approver, waiting: ApprovalRequest) -> None:
        assert "<step-up" not in by_link(ada.person).get(f"/approvals/{waiting.pk}/").content.decode()
