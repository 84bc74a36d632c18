"""The pages of the evidence: who may read them, and what they say."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.services import grant
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.contracts import Tone
from audit.ledger.queries import find_chain, incidents, tree
from audit.ledger.services import append, erase_attachment
from audit.models import LedgerChain
from audit.statements.kinds import EntryKind
from audit.verify.verifier import verify
from tests.audit.evidence import LEAD, Evidence, approved_story, denied_story
from tests.audit.test_export import on_file

pytestmark = pytest.mark.django_db

MISSING = "tnu_wrt_" + "0" * 32


def keys() -> dict[str, object]:
    return {purpose: private_key_of(ensure_service_key(purpose=purpose)) for purpose in ("ledger", "receipts")}


@pytest.fixture
def story() -> Evidence:
    return on_file(approved_story(**keys()))


@pytest.fixture
def viewer(client: Client) -> Client:
    person = Person.objects.create_user("victor", password="a long enough password")
    grant(person=person, role=Role.VIEWER, granted_by="tests")
    client.force_login(person)
    return client


def pages(chain: str) -> list[str]:
    return [
        reverse("audit:incidents"),
        *(reverse(f"audit:{name}", args=[chain]) for name in ("incident", "tree", "evidence")),
    ]


def test_an_anonymous_visitor_is_sent_to_sign_in(client: Client, story: Evidence) -> None:
    for page in pages(story.chain):
        answer = client.get(page)
        assert answer.status_code == 302
        assert f"next={page}" in answer["Location"]


def test_a_person_without_a_role_finds_nothing(client: Client, story: Evidence) -> None:
    person = Person.objects.create_user("oscar", password="a long enough password")
    client.force_login(person)
    for page in pages(story.chain):
        assert client.get(page).status_code == 404


def test_a_viewer_reads_everything(viewer: Client, story: Evidence) -> None:
    for page in pages(story.chain):
        assert viewer.get(page).status_code == 200


def test_nothing_is_written_by_looking(viewer: Client, story: Evidence) -> None:
    for page in pages(story.chain):
        viewer.get(page)
        assert viewer.post(page).status_code == 405
    assert LedgerChain.objects.get().size == len(story.statements)


@pytest.mark.parametrize("chain", [MISSING, "keys", "P1042", "%00", "x" * 3000])
def test_an_unknown_incident_is_not_found(viewer: Client, chain: str) -> None:
    for name in ("incident", "tree", "evidence"):
        assert viewer.get(f"/incidents/{chain}/{'' if name == 'incident' else name + '/'}").status_code == 404


def test_the_downloaded_file_verifies(viewer: Client, story: Evidence) -> None:
    answer = viewer.get(reverse("audit:evidence", args=[story.chain]))
    assert answer["Content-Disposition"] == f'attachment; filename="countersign-{story.chain}.jsonl"'
    assert verify(answer.content, roots=[story.root_hex]).verified


def test_the_list_shows_incidents_and_not_the_chain_of_keys(story: Evidence) -> None:
    append(chain="keys", kind=EntryKind.KEY_ENROLLED, details={"person": LEAD})
    on_file(denied_story(**keys(), worker_sequence=100))
    cards = incidents()
    assert len(cards) == 2
    card = next(card for card in cards if card.chain == story.chain)
    assert (card.label, card.title, card.severity, card.service) == (
        "P1042",
        "High error rate",
        "high",
        "payment-service-prod",
    )
    assert (card.status, card.size) == ("completed", 9)


def test_an_incident_is_found_by_its_label_or_its_warrant(story: Evidence) -> None:
    assert find_chain("P1042").name == find_chain(story.chain).name == story.chain
    for name in ("", "P9"):
        with pytest.raises(LedgerChain.DoesNotExist):
            find_chain(name)


def test_the_tree_tells_the_story_in_order(story: Evidence) -> None:
    shown = tree(story.chain)
    assert [(line.tone, line.title.split(" (")[0]) for line in shown.lines] == [
        (Tone.SERVICE, "incident-warrant"),
        (Tone.ALLOWED, "read_logs ALLOWED"),
        (Tone.DENIED, "delete_database DENIED"),
        (Tone.GATE, "restart_service GATE"),
        (Tone.GATE, "approval-requested for restart_service"),
        (Tone.PERSON, "approval-granted"),
        (Tone.ALLOWED, "restart_service ALLOWED"),
        (Tone.SERVICE, "restart_service executed"),
        (Tone.SERVICE, "workflow complete"),
    ]
    granted = shown.lines[5]
    assert granted.title == f"approval-granted (Ed25519-signed by {LEAD}, key {granted.key_short}…)"
    assert ("Signed by", LEAD) in [(fact.label, fact.value) for fact in granted.proof]
    assert shown.lines[6].title == "restart_service ALLOWED (1 signed approval verified)"
    assert shown.lines[1].arguments == [("lines", "50"), ("service", '"payment-service-prod"')]
    assert shown.lines[1].previous_hash == shown.lines[0].entry_hash
    assert shown.head == shown.lines[-1].entry_hash
    assert (shown.agent, shown.policy) == ("incident-agent", "incident-response 1")


def test_the_same_allowed_call_again_is_one_line_with_a_count() -> None:
    evidence = Evidence(**keys())
    evidence.minted()
    for lines in (10, 20, 30):
        evidence.allowed(arguments={"service": "payment-service-prod", "lines": lines})
    evidence.denied()
    evidence.denied()
    groups = tree(on_file(evidence).chain).groups
    assert [(group.first.title, group.count) for group in groups] == [
        ("incident-warrant", 1),
        ("read_logs ALLOWED", 3),
        ("delete_database DENIED", 1),
        ("delete_database DENIED", 1),
    ]


def test_erased_arguments_are_said_to_be_erased(viewer: Client, story: Evidence) -> None:
    erase_attachment(chain=story.chain, sequence=2, name="arguments")
    line = tree(story.chain).lines[1]
    assert line.is_erased
    assert line.arguments == []
    assert viewer.get(reverse("audit:incident", args=[story.chain])).status_code == 200


def test_what_an_agent_wrote_is_never_markup(viewer: Client) -> None:
    evidence = Evidence(**keys())
    evidence.minted()
    evidence.denied("<script>alert(1)</script>", {"name": "<img src=x>\u202e"})
    page = viewer.get(reverse("audit:incident", args=[on_file(evidence).chain])).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page
