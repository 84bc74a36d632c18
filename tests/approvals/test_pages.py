"""The queue, the request page and the decision form, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.contracts import CallRecord, Outcome, RequestState
from approvals.decisions.services import record
from approvals.delivery import services as delivery
from approvals.models import ApprovalRequest, Decision, Delivery
from approvals.requests import queries, services
from approvals.requests.queries import CARDS_SHOWN, QueueFilter
from audit.models import LedgerEntry
from audit.statements import cbor
from tests.approvals import factories
from tests.approvals.factories import Approver, base64_text

pytestmark = pytest.mark.django_db

JSON = {"Accept": "application/json"}
HTMX = {"HX-Request": "true"}


def _pages(approval_request: ApprovalRequest) -> list[str]:
    return [
        reverse("approvals:queue"),
        reverse("approvals:list"),
        *(reverse(f"approvals:{name}", args=[approval_request.pk]) for name in ("request", "card", "progress")),
    ]


def _decision_url(approval_request: ApprovalRequest) -> str:
    return reverse("approvals:decision", args=[approval_request.pk])


@pytest.fixture
def as_ada(client: Client, ada: Approver) -> Client:
    client.force_login(ada.person)
    return client


def _copies(approval_request: ApprovalRequest, count: int) -> None:
    """Add ``count`` more waiting requests that look like this one."""
    facts = {
        field.attname: getattr(approval_request, field.attname)
        for field in ApprovalRequest._meta.concrete_fields
        if field.attname != "id"
    }
    ApprovalRequest.objects.bulk_create(ApprovalRequest(id=f"copy-{number:08}", **facts) for number in range(count))


# --- Who gets in ----------------------------------------------------------------------------


def test_anonymous_visitors_are_sent_to_sign_in_and_back(client: Client, waiting: ApprovalRequest) -> None:
    for url in _pages(waiting):
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer["Location"].endswith(f"?next={url}")
    assert client.post(_decision_url(waiting)).status_code == 302


def test_an_outsider_sees_nothing(client: Client, waiting: ApprovalRequest) -> None:
    client.force_login(factories.person("oscar", role=None))
    for url in _pages(waiting):
        assert client.get(url).status_code == 404
    assert client.post(_decision_url(waiting)).status_code == 404


def test_a_viewer_watches_but_cannot_decide(client: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    client.force_login(factories.person("vera", role=Role.VIEWER))
    for url in _pages(waiting):
        assert client.get(url).status_code == 200
    answer = client.post(_decision_url(waiting), {"approval": base64_text(ada.sign_approval(waiting))})
    assert answer.status_code == 404
    assert not Decision.objects.exists()


def test_the_session_of_a_deactivated_person_is_over(as_ada: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    Person.objects.update(is_active=False)
    assert as_ada.get(reverse("approvals:queue")).status_code == 302
    answer = as_ada.post(_decision_url(waiting), {"approval": base64_text(ada.sign_approval(waiting))})
    assert answer.status_code == 302
    assert not Decision.objects.exists()


def test_a_decision_from_another_site_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada.person)
    answer = client.post(_decision_url(waiting), {"approval": base64_text(ada.sign_approval(waiting))})
    assert answer.status_code == 403
    assert not Decision.objects.exists()


def test_looking_changes_nothing(as_ada: Client, waiting: ApprovalRequest) -> None:
    before = (ApprovalRequest.objects.values().get(), LedgerEntry.objects.count())
    for url in [*_pages(waiting), _decision_url(waiting)]:
        for method in (as_ada.get, as_ada.head, as_ada.options):
            assert method(url).status_code in (200, 405)
    assert (ApprovalRequest.objects.values().get(), LedgerEntry.objects.count()) == before
    assert not Decision.objects.exists()


@pytest.mark.parametrize("request_id", ["req_unknown", "list-of-all", "x" * 64])
def test_an_unknown_request_is_not_found(as_ada: Client, request_id: str) -> None:
    for name in ("request", "card", "progress"):
        assert as_ada.get(reverse(f"approvals:{name}", args=[request_id])).status_code == 404


def test_an_address_that_is_no_request_id_is_not_found(as_ada: Client) -> None:
    for text in ("short", "x" * 65, "a%00bcdefgh", "..%2f..%2fetc", "%E2%80%AEabcdefgh"):
        assert as_ada.get(f"/approvals/{text}/").status_code == 404


# --- Deciding -------------------------------------------------------------------------------


def test_a_script_gets_the_new_state(as_ada: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    signed = {"approval": base64_text(ada.sign_approval(waiting))}
    for _ in range(2):  # a double click is harmless
        answer = as_ada.post(_decision_url(waiting), signed, headers=JSON)
        assert answer.status_code == 200
        assert answer.json() == {"state": "approved", "url": f"/approvals/{waiting.pk}/"}
    assert Decision.objects.count() == 1


def test_htmx_gets_the_progress(as_ada: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    answer = as_ada.post(_decision_url(waiting), {"denial": base64_text(ada.sign_denial(waiting))}, headers=HTMX)
    assert answer.status_code == 200
    assert b"Denied" in answer.content


def test_a_plain_form_goes_back_to_the_request(as_ada: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    answer = as_ada.post(_decision_url(waiting), {"approval": base64_text(ada.sign_approval(waiting))})
    assert (answer.status_code, answer["Location"]) == (302, f"/approvals/{waiting.pk}/")


BAD_FORMS: dict[str, dict[str, Any]] = {
    "empty": {},
    "both_empty": {"approval": "", "denial": ""},
    "both": {"approval": "AAAA", "denial": "AAAA"},
    "not_base64": {"approval": "%%%"},
    "truncated_base64": {"approval": "AAA"},
    "url_safe_base64": {"approval": "__--"},
    "not_ascii": {"denial": "é" * 40},
    "nul": {"denial": "AA\x00A"},
    "nothing_inside": {"denial": "AAAA"},
    "far_too_long": {"approval": "A" * 40_000},
    "half_a_megabyte": {"approval": "A" * 500_000},
    "repeated": {"approval": ["AAAA", "%%%"]},
    "deep": {"approval": base64_text(b"\x81" * 5000)},
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_a_bad_form_is_a_typed_error(as_ada: Client, waiting: ApprovalRequest, name: str) -> None:
    answer = as_ada.post(_decision_url(waiting), BAD_FORMS[name], headers=JSON)
    assert 400 <= answer.status_code < 500
    body = answer.json()
    assert set(body) == {"code", "field", "message"}
    assert all(body.values())
    fragment = as_ada.post(_decision_url(waiting), BAD_FORMS[name], headers=HTMX)
    page = as_ada.post(_decision_url(waiting), BAD_FORMS[name])
    assert answer.status_code == fragment.status_code == page.status_code
    assert not Decision.objects.exists()


def test_ten_megabytes_are_refused(as_ada: Client, waiting: ApprovalRequest) -> None:
    assert as_ada.post(_decision_url(waiting), {"approval": "A" * 10_000_000}).status_code in (400, 413)


def test_a_truncated_signature_is_a_typed_error(as_ada: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    text = base64_text(ada.sign_approval(waiting))
    for cut in (1, 2, 3, 4, 100):
        answer = as_ada.post(_decision_url(waiting), {"approval": text[:-cut]}, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_the_second_person_is_told_who_decided(client: Client, ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace)
    record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    client.force_login(grace.person)
    answer = client.post(_decision_url(asked), {"denial": base64_text(grace.sign_denial(asked))}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")
    assert "Ada approved this request at" in answer.json()["message"]


def test_a_decision_about_an_unknown_request_is_not_found(
    as_ada: Client, ada: Approver, waiting: ApprovalRequest
) -> None:
    url = reverse("approvals:decision", args=["req_unknown"])
    signed = {"approval": base64_text(ada.sign_approval(waiting))}
    assert as_ada.post(url, signed).status_code == 404
    assert as_ada.post(url, signed, headers=JSON).json()["code"] == "unknown_request"


# --- The queue ------------------------------------------------------------------------------


def _ids(person: Person, show: QueueFilter = QueueFilter.WAITING, query: str = "", page: int = 1) -> list[str]:
    return [card.id for card in queries.queue(person=person, show=show, query=query, page=page).cards]


def test_the_most_urgent_come_first(ada: Approver) -> None:
    calm, urgent, soon = (factories.open_request(ada) for _ in range(3))
    ApprovalRequest.objects.filter(pk=urgent.pk).update(urgency=0, severity="critical")
    ApprovalRequest.objects.filter(pk=soon.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert _ids(ada.person) == [urgent.pk, soon.pk, calm.pk]


def test_the_filters_show_what_they_say(ada: Approver, grace: Approver) -> None:
    hers, mine, done, late = (factories.open_request(who) for who in (grace, ada, ada, ada))
    record(person=ada.person, request_id=done.pk, denial=ada.sign_denial(done))
    past = timezone.now() - timedelta(minutes=5)
    ApprovalRequest.objects.filter(pk=late.pk).update(opened_at=past, expires_at=past + timedelta(minutes=1))
    assert set(_ids(ada.person)) == {hers.pk, mine.pk}
    assert _ids(ada.person, QueueFilter.MINE) == [mine.pk]
    assert _ids(ada.person, QueueFilter.CLOSED) == [done.pk, late.pk]  # newest first
    assert len(_ids(ada.person, QueueFilter.ALL)) == 4


def test_what_is_late_is_shown_as_expired(ada: Approver, waiting: ApprovalRequest) -> None:
    past = timezone.now() - timedelta(minutes=5)
    ApprovalRequest.objects.update(opened_at=past, expires_at=past + timedelta(minutes=1))
    assert queries.request_card(person=ada.person, request_id=waiting.pk).state == RequestState.EXPIRED
    page = queries.request_page(person=ada.person, request_id=waiting.pk)
    assert (page.may_decide, page.card.state) == (False, RequestState.EXPIRED)


def test_searching_finds_words_anywhere(ada: Approver, waiting: ApprovalRequest) -> None:
    other = factories.open_request(ada, tool="run_query", arguments={"text": "SELECT 1"})
    ApprovalRequest.objects.filter(pk=waiting.pk).update(service="payments", agent="incident-agent")
    assert _ids(ada.person, query="PAYMENT restart") == [waiting.pk]
    assert _ids(ada.person, query="incident") == [waiting.pk]
    assert _ids(ada.person, query=waiting.pk) == [waiting.pk]
    assert _ids(ada.person, query="query") == [other.pk]
    assert _ids(ada.person, query="billing") == []
    assert _ids(ada.person, query="production") == [], "arguments are sealed: nobody can search them"
    assert _ids(ada.person, query="%") == []
    assert _ids(ada.person, query="' OR 1=1 --") == []


def test_only_one_page_of_many_is_shown(ada: Approver, waiting: ApprovalRequest) -> None:
    _copies(waiting, CARDS_SHOWN + 9)
    first = queries.queue(person=ada.person, show=QueueFilter.WAITING)
    second = queries.queue(person=ada.person, show=QueueFilter.WAITING, page=2)
    assert (len(first.cards), first.total, first.waiting, first.pages) == (
        CARDS_SHOWN,
        CARDS_SHOWN + 10,
        CARDS_SHOWN + 10,
        2,
    )
    assert len(second.cards) == 10
    assert not {card.id for card in first.cards} & {card.id for card in second.cards}
    assert queries.queue(person=ada.person, show=QueueFilter.WAITING, page=99).cards == []


@pytest.mark.parametrize("count", [0, 9, 999])
def test_the_queue_costs_the_same_queries_however_many_wait(
    as_ada: Client, waiting: ApprovalRequest, count: int, django_assert_num_queries: Any
) -> None:
    _copies(waiting, count)
    for show in (QueueFilter.WAITING, QueueFilter.MINE, QueueFilter.ALL):
        # Session, person, roles, queue; and the page's header asks for notices, and whether one is away.
        for name, queries_needed in (("list", 4), ("queue", 6)):
            with django_assert_num_queries(queries_needed):
                assert as_ada.get(reverse(f"approvals:{name}"), {"show": show}).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [{"show": "everything"}, {"page": "0"}, {"page": "x"}, {"page": "9" * 30}, {"q": "x" * 201}, {"q": "nul\x00"}],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_a_typed_error(as_ada: Client, asked: dict[str, str]) -> None:
    for url in (reverse("approvals:queue"), reverse("approvals:list")):
        answer = as_ada.get(url, asked, headers=JSON)
        assert (answer.status_code, answer.json()["field"]) == (400, next(iter(asked)))


# --- The request page -----------------------------------------------------------------------


def test_the_page_says_who_may_decide_and_why_not(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada)
    keyless, viewer = factories.person("kim"), factories.person("vera", role=Role.VIEWER)
    pages = {
        who: queries.request_page(person=who, request_id=asked.pk)
        for who in (ada.person, grace.person, keyless, viewer)
    }
    assert [page.may_decide for page in pages.values()] == [True, False, False, False]
    assert "does not name a key of yours" in pages[grace.person].why_not
    assert "no key yet" in pages[keyless].why_not
    assert "Only approvers" in pages[viewer].why_not


def test_a_person_who_decided_waits_for_the_other(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    page = queries.request_page(person=ada.person, request_id=asked.pk)
    assert (page.may_decide, page.card.approvals_given, page.card.approvals_needed) == (False, 1, 2)
    assert queries.request_card(person=ada.person, request_id=asked.pk).approvals_given == 1


def test_the_page_shows_every_step(ada: Approver, waiting: ApprovalRequest) -> None:
    def states() -> list[str]:
        return [step.state for step in queries.request_page(person=ada.person, request_id=waiting.pk).steps]

    assert states() == ["waiting", "waiting", "waiting", "waiting"]
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    assert states() == ["done", "waiting", "waiting", "waiting"]
    (job,) = delivery.claim(limit=1, lease_seconds=0)
    delivery.mark_sent(job_id=job.id)
    assert states() == ["done", "done", "waiting", "waiting"]
    now_ms = int(timezone.now().timestamp() * 1000)
    services.mark_verified(request_id=waiting.pk, request_hash=bytes(waiting.request_hash), at_ms=now_ms)
    assert states() == ["done", "done", "done", "waiting"]
    services.close(outcome=Outcome(waiting.pk, "executed", now_ms + 1))
    assert states() == ["done", "done", "done", "done"]


def test_the_steps_of_a_denied_call_end_with_the_denial(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))
    page = queries.request_page(person=ada.person, request_id=waiting.pk)
    assert [step.state for step in page.steps] == ["done", "waiting", "none", "none"]


def test_the_steps_say_when_the_workflow_was_gone(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    (job,) = delivery.claim(limit=1, lease_seconds=0)
    delivery.mark_failed(job_id=job.id, error="workflow not found", gone=True)
    page = queries.request_page(person=ada.person, request_id=waiting.pk)
    assert [step.state for step in page.steps] == ["done", "failed", "none", "none"]
    assert Delivery.objects.get().gone_at is not None


def test_the_browser_gets_what_it_verifies_and_signs(ada: Approver, waiting: ApprovalRequest) -> None:
    signing = queries.request_page(person=ada.person, request_id=waiting.pk).signing
    assert signing["request_hash"] == bytes(waiting.request_hash).hex()
    assert signing["arguments_cbor"] == base64_text(bytes(waiting.arguments_cbor))
    assert signing["warrant_chain"] == waiting.warrant_chain
    assert signing["external_id"] == "local:ada"
    assert signing["decision_url"] == _decision_url(waiting)


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202egnp.exe\u200b\x1b[31m\x00 {{ 7|add:7 }}"


def test_what_an_agent_says_is_data_in_every_field(as_ada: Client, ada: Approver) -> None:
    line = CallRecord(
        tool=HOSTILE,
        verdict="denied",
        at_ms=1,
        code=HOSTILE,
        detail=HOSTILE,
        arguments_cbor=base64_text(cbor.encode({HOSTILE: HOSTILE})),
    )
    asked = factories.open_request(
        ada,
        arguments={"service": HOSTILE, "environment": "production"},
        reasoning=HOSTILE,
        gate_message=HOSTILE,
        history=[line],
    )
    record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    services.close(outcome=Outcome(asked.pk, "failed", 1, error_type=HOSTILE, detail=HOSTILE, result_json=HOSTILE))
    for url in _pages(asked):
        text = as_ada.get(url, {"show": "all"}).content.decode()
        shown = text.split('id="signing"')[0] + text.split('id="signing"')[-1].partition("</script>")[2]
        for inert in ("<script>alert", "<img src=x", "\u202e", "\u200b", "\x1b", "\x00"):
            assert inert not in shown
    page = as_ada.get(reverse("approvals:request", args=[asked.pk])).content.decode()
    assert "⟨U+202E⟩gnp.exe" in page
    assert "{{ 7|add:7 }}" in page
