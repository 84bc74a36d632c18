"""Nobody can change an evidence file, not even a server that holds every key of its own."""

from __future__ import annotations

import itertools
import json
import random
import time
from typing import Any

import cbor2
import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements import cbor, statements
from audit.statements.entries import entry_hash
from audit.statements.evidence import text_of
from audit.statements.kinds import EntryKind
from audit.verify.report import Report
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import (
    RESTART,
    Evidence,
    approved_story,
    denied_story,
    edit,
    envelope_of,
    private_key,
    public,
)


def failure(report: Report, number: int) -> tuple[Step, str]:
    """Return the failed step and its sentence; the report must refuse the file and name the entry ``number``."""
    assert not report.verified
    line = number + 1
    failed = next(one for one in report.lines if one.line == line).failure
    assert failed is not None, report.as_text()
    assert f"line {line} " in report.as_text()
    return failed.step, str(failed)


def check(evidence: Evidence, lines: list[bytes] | None = None) -> Report:
    return verify(evidence.file(lines), roots=[evidence.root_hex])


@pytest.fixture
def story() -> Evidence:
    return approved_story()


# --- Somebody without keys edits the file ---------------------------------------------------------


def test_flipping_any_byte_of_the_file_is_noticed_in_its_line(story: Evidence) -> None:
    lines = story.lines()
    chance = random.Random(2)
    for number, line in enumerate(lines, start=1):
        for at in {*chance.sample(range(len(line)), 60), 0, len(line) - 1}:
            changed = bytearray(line)
            changed[at] ^= 1 << chance.randrange(8)
            report = check(story, [*lines[: number - 1], bytes(changed), *lines[number:]])
            assert not report.verified, (number, at)
            # A changed newline may split a line or join two, so the first failure is never further than its neighbour.
            assert any(abs(failed.line - 1 - number) <= 1 for failed in report.failures), (number, at)


def test_a_dropped_line_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    for number in range(1, len(lines) + 1):
        assert not check(story, lines[: number - 1] + lines[number:]).verified
    step, sentence = failure(check(story, lines[:2] + lines[3:]), 3)
    assert step is Step.PLACE
    assert "number 4 where number 3 belongs" in sentence


def test_a_dropped_first_line_is_noticed(story: Evidence) -> None:
    step, _ = failure(check(story, story.lines()[1:]), 1)
    assert step is Step.PLACE


def test_two_swapped_lines_are_noticed(story: Evidence) -> None:
    lines = story.lines()
    lines[1], lines[2] = lines[2], lines[1]
    step, _ = failure(check(story, lines), 2)
    assert step is Step.PLACE


def test_swapped_and_renumbered_lines_are_noticed(story: Evidence) -> None:
    lines = story.lines()
    lines[1], lines[2] = edit(lines[2], sequence=2), edit(lines[1], sequence=3)
    step, sentence = failure(check(story, lines), 2)
    assert step is Step.FORM
    assert "number" in sentence


def test_a_doubled_line_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    step, _ = failure(check(story, [*lines[:2], lines[1], *lines[2:]]), 3)
    assert step is Step.PLACE


def test_a_missing_checkpoint_is_noticed(story: Evidence) -> None:
    step, sentence = failure(check(story, story.lines()[:-1]), 9)
    assert step is Step.END
    assert "tail is missing" in sentence


def test_a_tail_cut_off_before_the_checkpoint_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    step, sentence = failure(check(story, [*lines[:6], lines[-1]]), 7)
    assert step is Step.END
    assert "counts 9 entries" in sentence


def test_a_tail_cut_within_a_line_is_noticed(story: Evidence) -> None:
    data = story.file()
    assert not verify(data[:-1], roots=[story.root_hex]).verified
    assert not verify(data[:-200], roots=[story.root_hex]).verified


def test_an_edited_checkpoint_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    stranger = Ed25519PrivateKey.generate()
    head = entry_hash(statements.parse(envelope_of(lines[5])).statement)
    forged = story.end(size=6, head=head, signer=stranger)
    step, sentence = failure(check(story, [*lines[:6], forged]), 7)
    assert step is Step.END
    assert "not a ledger key" in sentence


def test_lines_after_the_checkpoint_are_noticed(story: Evidence) -> None:
    lines = story.lines()
    step, sentence = failure(check(story, [*lines, lines[-1]]), 11)
    assert step is Step.FORM
    assert "no chain" in sentence


def test_another_attachment_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    stored = json.loads(lines[6])["attachments"]
    stored["arguments"]["content"] = text_of(cbor.encode({**RESTART, "service": "ledger"}))
    step, sentence = failure(check(story, [*lines[:6], edit(lines[6], attachments=stored), *lines[7:]]), 7)
    assert step is Step.ATTACHMENTS
    assert "arguments" in sentence


def test_a_hidden_attachment_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    step, _ = failure(check(story, [*lines[:6], edit(lines[6], attachments={}), *lines[7:]]), 7)
    assert step is Step.ATTACHMENTS


def test_a_relabelled_line_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    step, _ = failure(check(story, [*lines[:2], edit(lines[2], kind="call.allowed"), *lines[3:]]), 3)
    assert step is Step.FORM


@pytest.mark.parametrize("sequence", [True, 1.0, "1"])
def test_a_number_in_another_form_is_noticed(story: Evidence, sequence: object) -> None:
    lines = story.lines()
    step, _ = failure(check(story, [edit(lines[0], sequence=sequence), *lines[1:]]), 1)
    assert step is Step.FORM


def test_an_entry_signed_in_another_context_is_noticed(story: Evidence) -> None:
    lines = story.lines()
    facts = {key: value for key, value in statements.parse(envelope_of(lines[1])).facts.items() if key != "version"}
    other = statements.sign(statements.Context.CHECKPOINT, facts, story.ledger)
    step, _ = failure(check(story, [lines[0], edit(lines[1], entry=text_of(other.to_bytes())), *lines[2:]]), 2)
    assert step is Step.SIGNATURE


# --- Somebody brings keys of their own ------------------------------------------------------------


def test_a_file_signed_anew_with_another_ledger_key_is_refused(story: Evidence) -> None:
    stranger = Ed25519PrivateKey.generate()
    step, sentence = failure(check(story, story.lines(signer=stranger)), 1)
    assert step is Step.SIGNATURE
    assert "endorsed" in sentence


def test_a_ledger_key_that_endorses_itself_is_refused(story: Evidence) -> None:
    stranger = Ed25519PrivateKey.generate()
    story.statements[0]["details"]["endorsements"] = [story.endorsement("ledger", stranger, by=stranger)]
    step, _ = failure(check(story, story.lines(signer=stranger)), 1)
    assert step is Step.LEDGER_KEY


def test_a_key_endorsed_for_receipts_cannot_sign_the_ledger(story: Evidence) -> None:
    step, _ = failure(check(story, story.lines(signer=story.receipts)), 1)
    assert step is Step.SIGNATURE


def test_genuine_evidence_of_a_foreign_root_is_refused(story: Evidence) -> None:
    foreign = public(Ed25519PrivateKey.generate()).hex()
    step, sentence = failure(verify(story.file(), roots=[foreign]), 1)
    assert step is Step.LEDGER_KEY
    assert "--root" in sentence


def test_a_warrant_of_a_foreign_root_is_refused() -> None:
    evidence = Evidence()
    evidence.warrant = evidence.issue(Ed25519PrivateKey.generate())
    evidence.warrant_chain, evidence.chain = [bytes(evidence.warrant.to_bytes())], evidence.warrant.id
    evidence.minted()
    step, sentence = failure(check(evidence), 1)
    assert step is Step.WARRANTS
    assert "trusted root" in sentence


def test_a_receipt_of_a_worker_that_nobody_endorsed_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    stranger = Ed25519PrivateKey.generate()
    evidence.issuer = tenuo_core.ReceiptIssuer(private_key(stranger))
    evidence.issuer.bind_authorizer(evidence.authorizer)
    evidence.allowed()
    step, sentence = failure(check(evidence), 2)
    assert step is Step.RECEIPT
    assert "endorsed" in sentence


# --- The server itself turns bad: it holds the ledger key and the receipts key --------------------


def test_a_call_cannot_run_without_approval() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.gated()
    evidence.requested()
    details = evidence.call_details("read_logs", {"service": "a", "lines": 1}, request_id="request-1")
    evidence.add(EntryKind.CALL_ALLOWED, {**details, "tool": "restart_service"}, {"arguments": cbor.encode(RESTART)})
    step, sentence = failure(check(evidence), 4)
    assert step is Step.RECEIPT
    assert "read_logs" in sentence


def test_a_receipt_that_allows_an_unapproved_gated_call_is_not_enough() -> None:
    evidence = Evidence()
    evidence.minted()
    details = evidence.call_details("restart_service", RESTART, verdict="gated", code="approval-required")
    evidence.add(EntryKind.CALL_ALLOWED, _allowing(evidence, details), {"arguments": cbor.encode(RESTART)})
    step, sentence = failure(check(evidence), 2)
    assert step is Step.CALL
    assert "not allowed by its warrant" in sentence


def _allowing(evidence: Evidence, details: dict[str, Any]) -> dict[str, Any]:
    """Return ``details`` with a receipt that allows the call, made with the worker's key as a bad server could."""
    wire = cbor2.loads(details["receipt"])
    payload = cbor2.loads(wire["payload"])
    payload.pop(10)  # the decision code of a denial
    payload |= {4: "allow", 8: details["proof_of_possession"]}
    encoded = cbor2.dumps(dict(sorted(payload.items())))
    signature = evidence.receipts.sign(b"tenuo-warrant-v1" + b"tenuo-receipt-v1" + b"\x01" + encoded)
    return {**details, "receipt": cbor2.dumps({**wire, "payload": encoded, "signature": [1, signature]})}


def test_a_receipt_of_another_call_is_refused(story: Evidence) -> None:
    story.statements[1]["details"]["receipt"] = story.statements[6]["details"]["receipt"]
    step, sentence = failure(check(story), 2)
    assert step is Step.RECEIPT
    assert "restart_service" in sentence


def test_a_receipt_cannot_be_recorded_twice(story: Evidence) -> None:
    story.statements.append(dict(story.statements[1]))
    story.attachments.append(dict(story.attachments[1]))
    step, sentence = failure(check(story), 10)
    assert step is Step.RECEIPT
    assert "before" in sentence


def test_wrong_arguments_beside_a_receipt_are_refused(story: Evidence) -> None:
    salt, _ = story.attachments[1]["arguments"]  # type: ignore[misc]
    story.attachments[1]["arguments"] = (salt, cbor.encode({"service": "payment-service-prod", "lines": 50.0}))
    step, sentence = failure(check(story), 2)
    assert step is Step.RECEIPT
    assert "other arguments" in sentence


def test_a_denied_call_cannot_be_recorded_as_allowed(story: Evidence) -> None:
    story.statements[2]["kind"] = "call.allowed"
    step, sentence = failure(check(story), 3)
    assert step is Step.RECEIPT
    assert "deny" in sentence


def test_an_allowed_call_cannot_be_recorded_as_denied(story: Evidence) -> None:
    story.statements[1]["kind"] = "call.denied"
    step, _ = failure(check(story), 2)
    assert step is Step.RECEIPT


def test_a_gate_cannot_be_recorded_as_a_denial(story: Evidence) -> None:
    story.statements[3]["kind"] = "call.denied"
    step, _ = failure(check(story), 4)
    assert step is Step.RECEIPT


def test_a_denial_cannot_be_recorded_as_an_approval() -> None:
    evidence = denied_story()
    denial = evidence.statements[3]
    details = denial["details"]
    denial["kind"] = "approval.granted"
    denial["details"] = {**details, "approval": details["denial"]}
    step, _ = failure(check(evidence), 4)
    assert step is Step.DECISION


def test_a_denial_whose_bytes_are_dressed_as_an_approval_is_refused() -> None:
    evidence = denied_story()
    envelope = statements.parse(evidence.statements[3]["details"]["denial"])
    dressed = cbor2.dumps(
        {
            "approval_version": 1,
            "payload": envelope.statement,
            "approver_key": [1, envelope.signer_key],
            "signature": [1, envelope.signature],
        }
    )
    evidence.statements[3]["kind"] = "approval.granted"
    evidence.statements[3]["details"]["approval"] = dressed
    step, sentence = failure(check(evidence), 4)
    assert step is Step.DECISION
    assert "signature" in sentence


def test_an_approval_replayed_for_a_second_call_is_refused(story: Evidence) -> None:
    approval = story.statements[5]["details"]["approval"]
    story.restarted(approval)
    step, sentence = failure(check(story), 10)
    assert step is Step.APPROVALS
    assert "used before" in sentence


def test_a_retry_by_temporal_of_an_approved_call_is_no_replay(story: Evidence) -> None:
    approval = story.statements[5]["details"]["approval"]
    first = story.statements[6]["details"]["activity_id"]
    story.restarted(approval, activity_id=first)
    story.statements[-1]["details"]["attempt"] = 2
    assert check(story).verified


def test_an_approval_of_another_request_is_refused(story: Evidence) -> None:
    story.requested("request-2")
    story.restarted(story.statements[5]["details"]["approval"], request_id="request-2")
    step, sentence = failure(check(story), 11)
    assert step is Step.APPROVALS
    assert "another request" in sentence


def test_an_approval_of_another_run_is_refused(story: Evidence) -> None:
    story.restarted(story.statements[5]["details"]["approval"], run_id="run-2")
    step, _ = failure(check(story), 10)
    assert step is Step.APPROVALS


def test_an_approval_that_was_never_granted_here_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.gated()
    evidence.requested()
    evidence.restarted(evidence.approve())
    step, sentence = failure(check(evidence), 4)
    assert step is Step.APPROVALS
    assert "not granted" in sentence


def test_an_approval_granted_after_the_call_ran_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    approval = evidence.approve()
    evidence.restarted(approval)
    evidence.granted(approval)
    step, _ = failure(check(evidence), 3)
    assert step is Step.APPROVALS


def test_a_decision_before_its_request_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.granted(evidence.approve())
    evidence.requested()
    step, sentence = failure(check(evidence), 2)
    assert step is Step.DECISION
    assert "before it" in sentence


def test_a_decision_after_a_denial_is_refused() -> None:
    evidence = denied_story()
    evidence.granted(evidence.approve(key=evidence.other))
    step, sentence = failure(check(evidence), 6)
    assert step is Step.DECISION
    assert "denied" in sentence


def test_a_decision_by_a_key_that_the_warrant_does_not_ask_for_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    evidence.granted(evidence.approve(key=Ed25519PrivateKey.generate(), person="local:lead"))
    step, sentence = failure(check(evidence), 3)
    assert step is Step.DECISION
    assert "warrant asks for" in sentence


def test_a_decision_in_another_persons_name_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    evidence.granted(evidence.approve(person="local:other"))
    step, sentence = failure(check(evidence), 3)
    assert step is Step.DECISION
    assert "local:lead" in sentence


def test_an_entry_that_names_another_person_than_the_signer_is_refused(story: Evidence) -> None:
    story.statements[5]["details"]["person"] = "local:other"
    step, _ = failure(check(story), 6)
    assert step is Step.DECISION


def test_the_agents_own_key_among_the_approvers_is_refused() -> None:
    evidence = Evidence()
    evidence.other = evidence.holder
    evidence.__post_init__()
    evidence.minted()
    step, sentence = failure(check(evidence), 1)
    assert step is Step.WARRANTS
    assert "agent" in sentence


def test_a_ten_year_approval_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    approval = evidence.approve(lifetime=10 * 365 * 24 * 3600)
    evidence.granted(approval)
    step, sentence = failure(check(evidence), 3)
    assert step is Step.DECISION
    assert "315360000 seconds" in sentence


def test_two_keys_of_one_person_are_one_person() -> None:
    evidence = Evidence(threshold=2)
    evidence.people[public(evidence.other)] = "local:lead"
    evidence.minted()
    evidence.requested()
    given = [evidence.approve(), evidence.approve(key=evidence.other)]
    for approval in given:
        evidence.granted(approval)
    evidence.restarted(*given)
    step, sentence = failure(check(evidence), 5)
    assert step is Step.APPROVALS
    assert "1 people approved, but the warrant asks for 2" in sentence


def test_a_request_for_another_call_than_the_one_asked_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested(request_hash=evidence.request_hash("restart_service", {**RESTART, "service": "ledger"}))
    step, sentence = failure(check(evidence), 2)
    assert step is Step.REQUEST
    assert "hash" in sentence


def test_a_request_that_asks_fewer_people_is_refused() -> None:
    evidence = Evidence(threshold=2)
    evidence.minted()
    evidence.requested(threshold=1)
    step, _ = failure(check(evidence), 2)
    assert step is Step.REQUEST


def test_a_result_of_a_call_that_no_receipt_allowed_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.gated()
    evidence.requested()
    evidence.result()
    step, sentence = failure(check(evidence), 4)
    assert step is Step.OUTCOME
    assert "no receipt" in sentence


def test_a_result_of_a_denied_call_is_refused() -> None:
    evidence = denied_story()
    evidence.result()
    step, _ = failure(check(evidence), 6)
    assert step is Step.OUTCOME


def test_an_expiry_before_its_time_is_refused() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    evidence.add(EntryKind.APPROVAL_EXPIRED, {"request_id": "request-1", "expires_at": evidence.now + 3600})
    step, sentence = failure(check(evidence), 3)
    assert step is Step.OUTCOME
    assert "before its time" in sentence


def test_an_extra_entry_signed_by_the_ledger_key_breaks_the_checkpoint(story: Evidence) -> None:
    genuine = story.lines()
    story.completed()
    forged = story.lines()
    step, _ = failure(check(story, [*forged[:-1], genuine[-1]]), 11)
    assert step is Step.END


def test_an_entry_of_another_incident_is_refused(story: Evidence) -> None:
    other = approved_story(root=story.root, ledger=story.ledger, receipts=story.receipts)
    lines = story.lines()
    step, sentence = failure(check(story, [*lines[:2], other.lines()[2], *lines[3:]]), 3)
    assert step is Step.PLACE
    assert other.chain in sentence


def test_a_kind_that_is_not_known_is_refused(story: Evidence) -> None:
    story.statements[8]["kind"] = "run.imagined"
    step, _ = failure(check(story), 9)
    assert step is Step.PLACE


def test_malformed_details_are_refused_and_never_crash(story: Evidence) -> None:
    for statement in story.statements:
        details = statement["details"]
        for name, nonsense in itertools.product(list(details), (None, 7, "text", [1], {"a": 1}, b"\xff")):
            statement["details"] = {**details, name: nonsense}
            for line in check(story).lines:
                assert "cannot be checked (" not in str(line.failure), line.as_text()
        statement["details"] = details


def test_a_worker_may_take_a_second_to_sign_its_receipt() -> None:
    evidence = Evidence(now=int(time.time()) - 1)
    evidence.minted()
    evidence.allowed()
    assert check(evidence).verified
