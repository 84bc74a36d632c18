"""A policy makes approving slow: time to read, a name to type, so many in an hour. Denying is never slow."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tenuo_core
from django.test import Client
from django.utils import timezone

from accounts.keys.queries import active_keys
from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach
from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.looking.services import look
from approvals.models import ApprovalRequest, Decision, Opening
from approvals.requests import services as requests
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.approvals.test_at_once import _at_once
from warrants.agents.services import ensure_agent
from warrants.minting.contracts import Incident
from warrants.minting.services import mint
from warrants.models import Warrant
from warrants.policies import release as policies

JSON = {"accept": "application/json"}


def ask(*approvers: Approver, **terms: Any) -> ApprovalRequest:
    """Return an open request under a policy with these terms."""
    asked = factories.open_request(*approvers)
    for name, value in terms.items():
        setattr(asked, name, value)
    asked.save()
    return asked


def opened(who: Approver, asked: ApprovalRequest, *, seconds_ago: float) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    Opening.objects.update_or_create(approval_request=asked, person=who.person, defaults={"opened_at": at})


def approve(who: Approver, asked: ApprovalRequest, confirmation: str = "") -> Decision:
    return record(person=who.person, request_id=asked.pk, approval=who.sign_approval(asked), confirmation=confirmation)


def deny(who: Approver, asked: ApprovalRequest) -> None:
    record(person=who.person, request_id=asked.pk, denial=who.sign_denial(asked))
    asked.refresh_from_db()
    assert asked.state == RequestState.DENIED


def as_json(who: Person, asked: ApprovalRequest) -> Any:
    client = Client()
    client.force_login(who)
    return client.get(f"/approvals/{asked.pk}/", headers=JSON).json()


@pytest.mark.django_db
class TestReading:
    def test_too_early_is_refused_and_says_how_long(self, ada: Approver) -> None:
        asked = ask(ada, reading_seconds=30)
        opened(ada, asked, seconds_ago=10.5)
        with pytest.raises(errors.ReadFirst, match=r"for 30 seconds before you approve it: 20 seconds left"):
            approve(ada, asked)
        assert not Decision.objects.exists()
        opened(ada, asked, seconds_ago=30)
        approve(ada, asked)

    def test_who_never_opened_it_has_read_nothing(self, ada: Approver, grace: Approver) -> None:
        asked = ask(ada, grace, reading_seconds=30)
        opened(grace, asked, seconds_ago=600)
        opened(ada, ask(ada), seconds_ago=600)
        with pytest.raises(errors.ReadFirst, match="the time begins when the request's page is open"):
            approve(ada, asked)

    def test_denying_is_immediate(self, ada: Approver) -> None:
        deny(ada, ask(ada, reading_seconds=600, confirm_text="payment-service-prod", approvals_per_hour=1))

    def test_getting_the_page_begins_nothing(self, ada: Approver) -> None:
        asked = ask(ada, reading_seconds=30)
        client = Client()
        client.force_login(ada.person)
        for part in ("", "progress/", "card/"):
            assert client.get(f"/approvals/{asked.pk}/{part}").status_code == 200
        as_json(ada.person, asked)
        assert not Opening.objects.exists()

    def test_the_socket_and_a_post_begin_it_once(self, ada: Approver, grace: Approver) -> None:
        asked = ask(ada, reading_seconds=30)
        look(socket="a", person=ada.person, request_id=asked.pk, within=Reach(True, frozenset()))
        first = Opening.objects.get().opened_at
        client = Client()
        client.force_login(ada.person)
        answer = client.post(f"/approvals/{asked.pk}/opening/", headers=JSON).json()
        assert datetime.fromisoformat(answer["opened_at"]) == first.replace(
            microsecond=first.microsecond // 1000 * 1000
        )
        assert 0 <= answer["seconds_ago"] < 10
        assert Opening.objects.get().opened_at == first
        client.force_login(grace.person)
        client.post(f"/approvals/{asked.pk}/opening/")
        assert Opening.objects.count() == 2

    def test_only_who_may_see_it_opens_it(self, ada: Approver) -> None:
        asked = ask(ada, reading_seconds=30)
        client = Client()
        client.force_login(factories.person("vera", role=Role.VIEWER, namespace="billing"))
        assert client.post(f"/approvals/{asked.pk}/opening/", headers=JSON).status_code == 404
        assert client.post("/approvals/req_nothing_there/opening/", headers=JSON).status_code == 404
        assert not Opening.objects.exists()


@pytest.mark.django_db
class TestConfirming:
    @pytest.mark.parametrize("typed", ["payment-service-prod", "  payment-service-prod\n"])
    def test_what_is_typed_must_be_what_is_asked_for(self, ada: Approver, typed: str) -> None:
        approve(ada, ask(ada, confirm_text="payment-service-prod"), typed)

    @pytest.mark.parametrize(
        "typed",
        ["", " ", "Payment-Service-Prod", "payment-service", "payment-service-prod.", "pаyment-service-prod", "\0"],
    )
    def test_anything_else_is_refused(self, ada: Approver, typed: str) -> None:
        asked = ask(ada, confirm_text="payment-service-prod")
        with pytest.raises(errors.NotConfirmed):
            approve(ada, asked, typed)
        assert not Decision.objects.exists()

    @pytest.mark.parametrize(
        ("typed", "status"), [("payment-service-prod", 200), ("x", 422), ("\0", 422), ("y" * 100_000, 422)]
    )
    def test_it_is_posted_with_the_signature(self, ada: Approver, typed: str, status: int) -> None:
        asked = ask(ada, confirm_text="payment-service-prod")
        client = Client()
        client.force_login(ada.person)
        fields = {"approval": factories.base64_text(ada.sign_approval(asked)), "confirmation": typed}
        answer = client.post(f"/approvals/{asked.pk}/decision/", fields, headers=JSON)
        assert answer.status_code == status
        if status != 200:
            assert (answer.json()["code"], answer.json()["field"]) == ("not_confirmed", "confirmation")


@pytest.mark.django_db
class TestApprovalsPerHour:
    def test_after_so_many_the_next_has_to_wait_and_says_until_when(self, ada: Approver) -> None:
        first = approve(ada, ask(ada))
        approve(ada, ask(ada))
        asked = ask(ada, approvals_per_hour=2)
        at = f"{first.decided_at + timedelta(hours=1):%H:%M:%S}"
        with pytest.raises(errors.TooManyApprovals, match=f"approve 2 in an hour.* again at {at} UTC"):
            approve(ada, asked)
        Decision.objects.filter(pk=first.pk).update(decided_at=timezone.now() - timedelta(hours=1))
        approve(ada, asked)

    def test_denials_and_other_peoples_approvals_do_not_count(self, ada: Approver, grace: Approver) -> None:
        deny(ada, ask(ada))
        approve(grace, ask(ada, grace))
        approve(ada, ask(ada, approvals_per_hour=1))

    def test_one_persons_attention_is_one_in_all_namespaces(self, ada: Approver) -> None:
        elsewhere = factories.open_request(ada, namespace="billing")
        approve(ada, elsewhere)
        with pytest.raises(errors.TooManyApprovals):
            approve(ada, ask(ada, approvals_per_hour=1))

    def test_signing_the_same_request_again_is_not_one_more(self, ada: Approver, grace: Approver) -> None:
        asked = factories.open_request(ada, grace, min_approvals=2)
        asked.approvals_per_hour = 1
        asked.save()
        approve(ada, asked)
        past = timezone.now() - timedelta(seconds=1)
        Decision.objects.update(expires_at=past)
        approve(ada, asked)
        assert Decision.objects.filter(lapsed=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_do_not_slip_past_the_count(ada: Approver) -> None:
    asked = [ask(ada, approvals_per_hour=1) for _ in range(4)]
    outcomes = _at_once(*[lambda one=one: approve(ada, one) for one in asked])
    assert [type(outcome).__name__ for outcome in outcomes].count("Decision") == 1
    assert Decision.objects.count() == 1


@pytest.mark.django_db
class TestShowing:
    def test_a_page_of_a_policy_that_asks_nothing_says_nothing(self, ada: Approver, waiting: ApprovalRequest) -> None:
        client = Client()
        client.force_login(ada.person)
        assert "slow-approval" not in client.get(f"/approvals/{waiting.pk}/").content.decode()
        assert as_json(ada.person, waiting)["slow"] is None

    def test_programs_and_pages_are_told_what_is_asked(self, ada: Approver) -> None:
        asked = ask(ada, reading_seconds=30, confirm_text="<b>prod\u202e", approvals_per_hour=1)
        slow = as_json(ada.person, asked)["slow"]
        assert (slow["reading_seconds"], slow["confirm"], slow["approvals_per_hour"]) == (30, "<b>prod\u202e", 1)
        assert slow["reading_ends_at"] is slow["next_approval_at"] is None
        opened(ada, asked, seconds_ago=5)
        done = approve(ada, ask(ada))
        slow = as_json(ada.person, asked)["slow"]
        assert datetime.fromisoformat(slow["reading_ends_at"]) > timezone.now()
        assert slow["next_approval_at"][:19] == (done.decided_at + timedelta(hours=1)).isoformat()[:19]
        client = Client()
        client.force_login(ada.person)
        page = client.get(f"/approvals/{asked.pk}/").content.decode()
        assert 'data-seconds="30"' in page
        assert "&lt;b&gt;prod" in page
        assert "<b>prod" not in page


@pytest.mark.django_db
class TestPolicy:
    TERMS = "\nreading_seconds: 20\napprovals_per_hour: 7\n"

    @pytest.fixture
    def file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        text = (policies.FOLDER / "incident-response.yaml").read_text()
        confirmed = text.replace("      message: Restarting", "      confirm: service\n      message: Restarting")
        path = tmp_path / "incident-response.yaml"
        path.write_text(confirmed + self.TERMS)
        monkeypatch.setattr(policies, "FOLDER", tmp_path)
        return path

    def mint(self) -> list[bytes]:
        incident = Incident("P1042", "Errors", "high", "payment-service-prod", "default")
        agent = ensure_agent(name="incident-agent")
        return mint(policy="incident-response", incident=incident, agent=agent, approvers=list(active_keys())).chain

    def open_one(self, chain: list[bytes], **changes: Any) -> ApprovalRequest:
        key = tenuo_core.SigningKey.generate()
        return requests.open(gate_request=factories.gate_request(factories.Minted(chain, key, key), **changes))

    def terms(self, asked: ApprovalRequest) -> tuple[int | None, int | None, str]:
        asked.refresh_from_db()
        return asked.reading_seconds, asked.approvals_per_hour, asked.confirm_text

    def test_a_request_keeps_the_terms_its_warrant_was_minted_under(self, ada: Approver, file: Path) -> None:
        chain = self.mint()
        first = self.open_one(chain)
        assert self.terms(first) == (20, 7, "payment-service-prod")
        file.write_text(file.read_text().replace(self.TERMS, "").replace("      confirm: service\n", ""))
        assert self.terms(self.open_one(chain)) == self.terms(first) == (20, 7, "payment-service-prod")
        assert self.terms(self.open_one(self.mint())) == (None, None, "")
        assert Warrant.objects.filter(confirmed_arguments={"restart_service": "service"}).count() == 1

    def test_only_the_gates_that_ask_for_it_are_confirmed(self, ada: Approver, file: Path) -> None:
        arguments = {"service": "payment-service-prod", "environment": "production", "replicas": 3}
        leaf = factories.gate_request
        chain = self.mint()
        key = tenuo_core.SigningKey.generate()
        sent = leaf(factories.Minted(chain, key, key), tool="scale_service", arguments=arguments)
        assert requests.open(gate_request=dataclasses.replace(sent)).confirm_text == ""
