"""The pages of the evidence: who may read them, and what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.roles.contracts import Role
from audit.access import Everywhere
from audit.export import services as exporting
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.contracts import Tone
from audit.ledger.errors import LedgerError
from audit.ledger.proofs import decision_facts, receipt_facts
from audit.ledger.queries import details_of, find_chain, incidents, tree
from audit.ledger.services import append, erase_attachment
from audit.log.queries import inclusion_of, newest_checkpoint
from audit.log.services import integrate
from audit.models import Leaf, LedgerChain, LedgerEntry, Log
from audit.statements import merkle
from audit.statements.kinds import EntryKind
from audit.statements.notes import Checkpoint, sign_checkpoint
from audit.streaming import services as streaming
from audit.verify.verifier import verify
from tests.audit.evidence import LEAD, Evidence, approved_story, denied_story, public
from tests.audit.test_export import on_file
from tests.people import hold, person

pytestmark = pytest.mark.django_db

MISSING = "tnu_wrt_" + "0" * 32


def keys() -> dict[str, object]:
    return {purpose: private_key_of(ensure_service_key(purpose=purpose)) for purpose in ("ledger", "receipts")}


@pytest.fixture
def story() -> Evidence:
    return on_file(approved_story(**keys()))


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(person("victor", Role.VIEWER))
    return client


@pytest.fixture
def auditor(client: Client) -> Client:
    client.force_login(person("audrey", Role.AUDITOR))
    return client


def pages(chain: str) -> list[str]:
    return [
        reverse("audit:incidents"),
        *(reverse(f"audit:{name}", args=[chain]) for name in ("incident", "tree", "evidence")),
    ]


def visit(client: Client, page: str) -> HttpResponse:
    """Open ``page``; evidence is asked for by a form."""
    return client.post(page) if page.endswith("/evidence/") else client.get(page)


def test_an_anonymous_visitor_is_sent_to_sign_in(client: Client, story: Evidence) -> None:
    for page in pages(story.chain):
        answer = visit(client, page)
        assert answer.status_code == 302
        assert f"next={page}" in answer["Location"]


def test_a_person_without_a_role_finds_nothing(client: Client, story: Evidence) -> None:
    client.force_login(person("oscar"))
    for page in pages(story.chain):
        assert visit(client, page).status_code == 404


def test_a_viewer_reads_everything_and_takes_nothing_away(viewer: Client, story: Evidence) -> None:
    *readable, evidence = pages(story.chain)
    for page in readable:
        assert viewer.get(page).status_code == 200
    assert viewer.post(evidence).status_code == 404
    assert evidence not in viewer.get(readable[1]).content.decode()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SECURITY_ADMINISTRATOR])
def test_an_auditor_and_a_security_administrator_also_export(client: Client, story: Evidence, role: Role) -> None:
    client.force_login(person("audrey", role))
    for page in pages(story.chain):
        assert visit(client, page).status_code == 200
    assert pages(story.chain)[3] in client.get(pages(story.chain)[1]).content.decode()


def test_a_person_of_another_namespace_finds_nothing(client: Client, story: Evidence) -> None:
    LedgerChain.objects.filter(name=story.chain).update(namespace="payments")
    client.force_login(person("norma", Role.AUDITOR, namespace="billing"))
    assert story.chain not in client.get(reverse("audit:incidents")).content.decode()
    for page in pages(story.chain)[1:]:
        assert visit(client, page).status_code == 404


def test_a_person_of_the_incidents_namespace_reads_it(client: Client, story: Evidence) -> None:
    LedgerChain.objects.filter(name=story.chain).update(namespace="payments")
    client.force_login(person("paula", Role.AUDITOR, namespace="payments"))
    for page in pages(story.chain):
        assert visit(client, page).status_code == 200
    assert story.chain in client.get(reverse("audit:incidents")).content.decode()


def test_whoever_audits_elsewhere_and_views_here_reads_and_takes_nothing_away(client: Client, story: Evidence) -> None:
    LedgerChain.objects.filter(name=story.chain).update(namespace="payments")
    client.force_login(hold(person("quinn", Role.AUDITOR, namespace="billing"), Role.VIEWER, namespace="payments"))
    *readable, evidence = pages(story.chain)
    assert [client.get(page).status_code for page in readable] == [200] * 3
    assert client.post(evidence).status_code == 404
    assert evidence not in client.get(readable[1]).content.decode()


def test_an_incident_whose_namespace_nobody_told_is_for_those_who_see_all(client: Client, story: Evidence) -> None:
    client.force_login(person("norma", Role.AUDITOR, namespace="billing"))
    for page in pages(story.chain)[1:]:
        assert visit(client, page).status_code == 404


def test_nothing_is_written_by_looking(viewer: Client, story: Evidence) -> None:
    *readable, evidence = pages(story.chain)
    for page in readable:
        viewer.get(page)
        assert viewer.post(page).status_code == 405
    assert viewer.get(evidence).status_code == 405
    assert LedgerChain.objects.get().size == len(story.statements)


@pytest.mark.parametrize("chain", [MISSING, "keys", "people", "P1042", "%00", "x" * 3000])
def test_an_unknown_incident_is_not_found(viewer: Client, chain: str) -> None:
    for name in ("incident", "tree", "evidence"):
        assert visit(viewer, f"/incidents/{chain}/{'' if name == 'incident' else name + '/'}").status_code == 404


def test_the_downloaded_file_verifies(auditor: Client, story: Evidence) -> None:
    answer = auditor.post(reverse("audit:evidence", args=[story.chain]))
    assert answer["Content-Disposition"] == f'attachment; filename="countersign-{story.chain}.jsonl"'
    assert verify(answer.content, roots=[story.root_hex]).verified


def test_the_ledger_says_who_took_which_evidence_away(auditor: Client, story: Evidence) -> None:
    LedgerChain.objects.filter(name=story.chain).update(namespace="payments")
    answer = auditor.post(reverse("audit:evidence", args=[story.chain]))
    entry = LedgerEntry.objects.get(chain=namespace_chain(Subject.EXPORTS, "payments"))
    close = json.loads(answer.content.splitlines()[-1])
    assert entry.chain.namespace == "payments"
    assert details_of(entry) == {
        "person": "local:audrey",
        "chain": story.chain,
        "chains": 1,
        "count": 9,
        "form": "countersign-evidence-v2",
        "namespace": "payments",
        "root": bytes.fromhex(close["root"]),
    }


def test_evidence_that_cannot_be_recorded_does_not_leave(
    auditor: Client, story: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**details: object) -> None:
        raise LedgerError("The ledger is not at hand.")

    monkeypatch.setattr(exporting, "append", refused)
    answer = auditor.post(reverse("audit:evidence", args=[story.chain]))
    assert answer.status_code == 409
    assert "not at hand" in answer.content.decode()
    assert b"countersign-evidence" not in answer.content


def test_a_kept_checkpoint_is_proven_however_it_was_pasted(auditor: Client, story: Evidence) -> None:
    integrate()
    kept = newest_checkpoint("")
    append(chain=story.chain, kind=EntryKind.RUN_COMPLETED, details={"status": "again"})
    pasted = "\n" + kept.replace("\n", "\r\n").removesuffix("\r\n")
    answer = auditor.post(reverse("audit:evidence", args=[story.chain]), {"checkpoint": pasted})
    report = verify(answer.content, roots=[story.root_hex], checkpoints=[kept.encode()])
    assert report.verified, report.as_text()
    assert "goes on from 1 checkpoint that you keep" in report.as_text()


@pytest.mark.parametrize("pasted", ["no checkpoint", "a\n0\n\n\n\u2014 a b\n", "x" * 200_000, "\x00"])
def test_what_is_no_checkpoint_is_said_and_kept_in_the_form(auditor: Client, story: Evidence, pasted: str) -> None:
    answer = auditor.post(reverse("audit:evidence", args=[story.chain]), {"checkpoint": pasted})
    assert answer.status_code == 400
    assert "That is not a checkpoint" in answer.content.decode()
    assert not LedgerEntry.objects.filter(kind=EntryKind.EVIDENCE_EXPORTED).exists()


def test_a_checkpoint_of_more_than_there_is_shows_that_the_log_was_cut(auditor: Client, story: Evidence) -> None:
    integrate()
    log = Log.objects.get()
    longer = Checkpoint(log.origin, log.size + 7, bytes(32))
    kept = sign_checkpoint(longer, private_key_of(ensure_service_key(purpose="ledger")))
    answer = auditor.post(reverse("audit:evidence", args=[story.chain]), {"checkpoint": kept})
    assert answer.status_code == 409
    assert "it was cut" in answer.content.decode()


def test_the_list_shows_incidents_and_not_the_chain_of_keys(story: Evidence) -> None:
    append(chain="keys", kind=EntryKind.KEY_ENROLLED, details={"person": LEAD})
    on_file(denied_story(**keys(), worker_sequence=100))
    cards = incidents(within=Everywhere())
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
    shown = tree(story.chain, within=Everywhere(), content=Everywhere())
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
    groups = tree(on_file(evidence).chain, within=Everywhere(), content=Everywhere()).groups
    assert [(group.first.title, group.count) for group in groups] == [
        ("incident-warrant", 1),
        ("read_logs ALLOWED", 3),
        ("delete_database DENIED", 1),
        ("delete_database DENIED", 1),
    ]


def test_erased_arguments_are_said_to_be_erased(viewer: Client, story: Evidence) -> None:
    erase_attachment(chain=story.chain, sequence=2, name="arguments")
    line = tree(story.chain, within=Everywhere(), content=Everywhere()).lines[1]
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


def test_whoever_reads_incidents_is_told_that_the_stream_of_entries_does_not_keep_up(
    viewer: Client, story: Evidence, settings: Any
) -> None:
    integrate()
    settings.SIEM_TARGET = "https://siem.example.com/"
    (reader,) = streaming.streams()
    streaming.take(reader, holder="one", lease_seconds=60, limit=9)
    assert "does not keep up" not in viewer.get(reverse("audit:incidents")).content.decode()
    streaming.failed(reader, error="siem.example.com answered 403.", retry_seconds=60)
    page = viewer.get(reverse("audit:incidents")).content.decode()
    assert "does not keep up" in page
    assert "siem.example.com answered 403." in page


def test_a_line_opens_to_who_signed_with_what_and_where_it_is_in_the_log(viewer: Client, story: Evidence) -> None:
    waiting = tree(story.chain, within=Everywhere(), content=None)
    assert all(line.place == [] for line in waiting.lines)
    assert "It waits for it" in viewer.get(reverse("audit:incident", args=[story.chain])).content.decode()
    integrate()
    shown = {line.kind: line for line in tree(story.chain, within=Everywhere(), content=None).lines}
    call = {fact.label: fact.value for fact in shown[EntryKind.CALL_ALLOWED].proof}
    assert call["Worker’s key"] == public(story.receipts).hex()
    assert call["Warrants"] == story.chain
    granted = {fact.label: fact.value for fact in shown[EntryKind.APPROVAL_GRANTED].proof}
    assert len(bytes.fromhex(granted["Signature"])) == 64
    assert "verified with the key above" in granted["Signed"]
    assert f"as approver for {LEAD} by the key {public(story.administrator).hex()}" in granted["Key endorsed"]
    place = {fact.label: fact.value for fact in shown[EntryKind.APPROVAL_GRANTED].place}
    leaf = Leaf.objects.get(entry__chain=story.chain, entry__kind=EntryKind.APPROVAL_GRANTED)
    assert place["Place in the log"] == f"leaf {leaf.position} of {leaf.log.origin}, counted from 0"
    assert place["Newest checkpoint"] == f"over {leaf.log.size} entries, signed by the ledger’s key"
    inclusion = inclusion_of(leaf.entry)
    merkle.verify_inclusion(
        leaf=merkle.leaf_hash(bytes(leaf.entry.entry_hash)),
        index=leaf.position,
        size=inclusion.size,
        proof=inclusion.proof,
        root=bytes.fromhex(place["Its root"]),
    )
    page = viewer.get(reverse("audit:incident", args=[story.chain])).content.decode()
    assert granted["Signature"] in page
    assert place["Its root"] in page


def test_a_signature_that_does_not_verify_is_called_that(story: Evidence) -> None:
    entry = LedgerEntry.objects.get(chain=story.chain, kind=EntryKind.APPROVAL_GRANTED)
    approval = bytearray(details_of(entry)["approval"])
    approval[-1] ^= 1
    facts = {fact.label: fact.value for fact in decision_facts({"approval": bytes(approval)})}
    assert "does not verify" in facts["Signature"]
    assert [fact.label for fact in receipt_facts({"receipt": b"\x00", "warrant_chain": []})] == ["Signature"]
