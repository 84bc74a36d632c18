"""Payloads are erased before their time: everywhere here, with a record, and what was signed still verifies."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.roles.contracts import Role
from approvals.decisions import services as decisions
from approvals.models import ApprovalRequest, Decision
from audit.export.services import bundle_of
from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.queries import details_of
from audit.ledger.signals import payload_erased
from audit.log.checking import check
from audit.log.services import integrate
from audit.models import Attachment, LedgerEntry
from audit.retention import services as retention
from audit.retention.erasing import erase
from audit.retention.errors import NothingToErase, OnHold, ReasonMissing, StillNeeded
from audit.statements.kinds import EntryKind
from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.audit.evidence import RESTART
from tests.audit.test_rooms_together import REQUEST, Rooms
from tests.people import person
from warrants.issuers.queries import trusted_roots

pytestmark = pytest.mark.django_db

WHY = {"reason": "Personal data", "by": "local:grace"}


@pytest.fixture
def asked(db: None) -> Rooms:
    """A call that people are asked about."""
    rooms = Rooms()
    rooms.decide("read_logs", {"service": "payment-service-prod", "minutes": 15}, "allowed")
    rooms.ask()
    return rooms


@pytest.fixture
def ended(asked: Rooms) -> Rooms:
    """An incident in which a call was approved and ran."""
    approval = asked.approve(lifetime=300)
    decisions.record(person=asked.person, request_id=REQUEST, approval=approval)
    asked.decide("restart_service", RESTART, "allowed", approvals=(approval,), request_id=REQUEST)
    assert asked.finish("executed").verified
    integrate()
    return asked


def verified(rooms: Rooms) -> Report:
    report = verify(b"".join(bundle_of(rooms.chain).lines()), roots=[root.hex() for root in trusted_roots()])
    assert report.verified, report.as_text()
    return report


def faults() -> list[str]:
    integrate()
    return list(check([], lambda: None))


def kept(rooms: Rooms) -> list[tuple[int, str]]:
    rows = Attachment.objects.filter(entry__chain=rooms.chain, erased_at=None).exclude(name="policy")
    return list(rows.order_by("entry__sequence", "name").values_list("entry__sequence", "name"))


def test_all_of_an_incident_goes_and_its_receipts_and_decisions_still_verify(ended: Rooms) -> None:
    before, count = verified(ended), len(kept(ended))
    records = erase(chain=ended.chain, **WHY)
    assert (kept(ended), len(records)) == ([], count)
    assert verified(ended).counts == before.counts
    assert faults() == []
    # What the warrant was minted under is no payload.
    assert Attachment.objects.get(entry__chain=ended.chain, name="policy").erased_at is None
    said = details_of(records[0])
    assert records[0].chain_id == namespace_chain(Subject.PAYLOADS, "default")
    assert {name: said[name] for name in ("chain", "sequence", "name", "by", "reason")} == {
        "chain": ended.chain,
        "sequence": 2,
        "name": "arguments",
        "by": "local:grace",
        "reason": "Personal data",
    }


def test_the_requests_let_go_of_it_and_their_pages_say_so(ended: Rooms, client: Client) -> None:
    erase(chain=ended.chain, **WHY)
    row = ApprovalRequest.objects.get(pk=REQUEST)
    assert row.erased_at is not None
    assert not any((row.arguments_cbor, row.target, row.reasoning, row.history, row.gate_message, row.result_text))
    assert Decision.objects.get(approval_request=row).signed, "what a person signed is in its entry, and stays there"
    client.force_login(ended.person)
    for path in (f"/approvals/{REQUEST}/", f"/approvals/{REQUEST}/progress/", "/approvals/?show=all"):
        assert client.get(path).status_code == 200
    assert "Its content is gone since" in client.get(f"/approvals/{REQUEST}/").content.decode()
    assert client.get(f"/approvals/{REQUEST}/", headers={"accept": "application/json"}).json()
    page = client.get(f"/incidents/{ended.chain}/").content.decode()
    assert "The content was erased." in page


def test_one_attachment_goes_with_all_that_has_the_same_in_it(ended: Rooms) -> None:
    gated = LedgerEntry.objects.get(chain=ended.chain, kind=EntryKind.CALL_GATED)
    erased = erase(chain=ended.chain, sequence=gated.sequence, name="arguments", **WHY)
    kinds = [LedgerEntry.objects.get(chain=ended.chain, sequence=details_of(one)["sequence"]).kind for one in erased]
    assert kinds == [EntryKind.CALL_GATED, EntryKind.APPROVAL_REQUESTED, EntryKind.CALL_ALLOWED]
    assert (2, "arguments") in kept(ended), "another call's"
    assert ApprovalRequest.objects.get(pk=REQUEST).erased_at is not None
    verified(ended)
    assert faults() == []


def test_another_calls_arguments_leave_the_request_alone(ended: Rooms) -> None:
    erase(chain=ended.chain, sequence=2, name="arguments", **WHY)
    assert ApprovalRequest.objects.get(pk=REQUEST).erased_at is None


def test_what_listens_is_told_what_went(ended: Rooms) -> None:
    told: list[dict[str, Any]] = []

    def listen(**facts: Any) -> None:
        told.append(facts)

    payload_erased.connect(listen)
    try:
        erase(chain=ended.chain, sequence=2, name="arguments", **WHY)
    finally:
        payload_erased.disconnect(listen)
    assert [(one["chain"], one["sequence"], one["name"]) for one in told] == [(ended.chain, 2, "arguments")]
    assert b"payment-service-prod" in told[0]["content"]


def test_if_somebody_cannot_let_go_nothing_is_erased(ended: Rooms) -> None:
    before = kept(ended)

    def fail(**_: Any) -> None:
        raise RuntimeError

    payload_erased.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            erase(chain=ended.chain, **WHY)
    finally:
        payload_erased.disconnect(fail)
    assert kept(ended) == before
    assert ApprovalRequest.objects.get(pk=REQUEST).erased_at is None
    assert not LedgerEntry.objects.filter(kind=EntryKind.PAYLOAD_ERASED).exists()


def test_what_is_held_or_waits_for_people_is_not_erased(asked: Rooms) -> None:
    with pytest.raises(StillNeeded, match=REQUEST):
        erase(chain=asked.chain, **WHY)
    retention.hold(chain=asked.chain, reason="A lawsuit", by="local:ada")
    with pytest.raises(OnHold):
        erase(chain=asked.chain, **WHY)
    assert kept(asked)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\nb"])
def test_nothing_goes_without_a_reason(ended: Rooms, reason: str) -> None:
    with pytest.raises(ReasonMissing):
        erase(chain=ended.chain, reason=reason, by="local:grace")


def test_what_is_not_there_cannot_be_erased(ended: Rooms) -> None:
    with pytest.raises(NothingToErase):
        erase(chain=ended.chain, sequence=1, name="arguments", **WHY)
    erase(chain=ended.chain, **WHY)
    with pytest.raises(NothingToErase):
        erase(chain=ended.chain, **WHY)


def test_an_erasure_is_vouched_for_by_its_own_record_alone(ended: Rooms) -> None:
    first, *_ = erase(chain=ended.chain, **WHY)
    erased = Attachment.objects.filter(entry__chain=ended.chain, erased_at__isnull=False)
    other = erased.exclude(erasure=first).first()
    assert other is not None
    Attachment.objects.filter(pk=other.pk).update(erasure=first)
    (found,) = faults()
    assert f"Entry {other.entry.sequence} of" in found
    assert "no record says that it was erased" in found


def test_at_the_end_of_its_time_all_of_it_goes_here_too(ended: Rooms, client: Client, settings: Any) -> None:
    retention.remove(chain=ended.chain, now=datetime.now(UTC) + timedelta(days=2558))
    assert faults() == []
    row = ApprovalRequest.objects.get(pk=REQUEST)
    decision = Decision.objects.get(approval_request=row)
    assert (bytes(decision.signed), row.reasoning) == (b"", "")
    client.force_login(person("audrey", Role.AUDITOR))
    page = client.get(f"/incidents/{ended.chain}/").content.decode()
    assert "Removed under retention on" in page
    assert "call-gated: its content was removed" in page
    for path in ("/incidents/", f"/incidents/{ended.chain}/tree/", f"/incidents/{ended.chain}/timeline/"):
        assert client.get(path).status_code == 200
    for path in ("/approvals/?show=all", f"/approvals/{REQUEST}/", "/measures/", "/payloads/"):
        assert client.get(path).status_code == 200
    refused = client.post(f"/incidents/{ended.chain}/evidence/")
    assert (refused.status_code, b"removed under retention" in refused.content) == (409, True)
    with pytest.raises(CommandError, match="removed under retention"):
        call_command("export_receipts", ended.chain)


# --- The command and the page ------------------------------------------------------------------


def test_the_command_erases_and_says_what_is_out_of_reach(ended: Rooms) -> None:
    with pytest.raises(CommandError, match="together"):
        call_command("erase_payloads", ended.chain, reason="x", sequence=2)
    output = io.StringIO()
    call_command("erase_payloads", ended.chain, reason="x", sequence=2, name="arguments", stdout=output)
    assert "Erased 1 attachment of" in output.getvalue()
    assert "out of reach" in output.getvalue()
    with pytest.raises(CommandError, match="no content"):
        call_command("erase_payloads", ended.chain, reason="x", sequence=2, name="arguments")


def test_a_security_administrator_who_signed_in_just_now_erases_on_the_page(ended: Rooms, client: Client) -> None:
    grace = person("grace", Role.SECURITY_ADMINISTRATOR)
    grace.set_password("a long enough password")
    grace.save()
    client.force_login(grace)
    path = f"/incidents/{ended.chain}/erasure/"
    assert "Show first that it is still you" in client.get(path).content.decode()
    stale = client.post(path, {"reason": "Personal data"})
    assert (stale.status_code, bool(kept(ended))) == (409, True)
    client.logout()
    client.post("/accounts/login/", {"login": "grace", "password": "a long enough password"})
    assert client.post(path, {"reason": " "}).status_code == 409
    assert client.post(path, {"reason": "Personal data"}).status_code == 302
    assert kept(ended) == []
    assert details_of(LedgerEntry.objects.filter(kind=EntryKind.PAYLOAD_ERASED)[0])["by"] == "local:grace"
