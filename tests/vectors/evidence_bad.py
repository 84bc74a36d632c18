"""Tampered evidence: no file verifies. Each is named after its fault."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import cbor2

from audit.statements import cbor, statements
from audit.statements.acting import EXTENSION as ACTING
from audit.statements.acting import Acting
from audit.statements.entries import entry_hash
from audit.statements.evidence import text_of
from audit.statements.key_endorsements import EndorsedRole
from audit.statements.kinds import EntryKind
from tests.audit.evidence import ADMINISTRATOR, LEAD, OTHER_LEAD, READ, RESTART, edit, envelope_of, private_key, public
from tests.vectors.evidence_story import STRANGER, TWO_MAY_DENY, Story, key, logs_alone, told, whole, with_terms

Told = tuple[Story, bytes]
DAY = 24 * 3600


# --- Somebody without keys edits the file ---------------------------------------------------------


def byte_flipped() -> Told:
    """One bit of an entry's signed bytes was changed."""
    story = whole()
    lines = story.lines()
    data = bytearray(envelope_of(lines[1]))
    data[400] ^= 1
    return told(story, [lines[0], edit(lines[1], entry=text_of(bytes(data))), *lines[2:]])


def signature_flipped() -> Told:
    """One bit of an entry's signature was changed."""
    story = whole()
    lines = story.lines()
    data = bytearray(envelope_of(lines[5]))
    data[20] ^= 1
    return told(story, [*lines[:5], edit(lines[5], entry=text_of(bytes(data))), *lines[6:]])


def entry_dropped() -> Told:
    """The refused call is missing."""
    story = whole()
    lines = story.lines()
    return told(story, lines[:2] + lines[3:])


def first_entry_dropped() -> Told:
    """The minting of the warrant is missing."""
    story = whole()
    return told(story, story.lines()[1:])


def entries_swapped() -> Told:
    """Two entries changed places."""
    story = whole()
    lines = story.lines()
    lines[1], lines[2] = lines[2], lines[1]
    return told(story, lines)


def entries_swapped_and_renumbered() -> Told:
    """Two entries changed places, and their lines' numbers with them."""
    story = whole()
    lines = story.lines()
    lines[1], lines[2] = edit(lines[2], sequence=2), edit(lines[1], sequence=3)
    return told(story, lines)


def entry_doubled() -> Told:
    """An entry stands there twice."""
    story = whole()
    lines = story.lines()
    return told(story, [*lines[:2], lines[1], *lines[2:]])


def checkpoint_missing() -> Told:
    """The last line is missing."""
    story = whole()
    return told(story, story.lines()[:-1])


def tail_cut_off() -> Told:
    """The last entries are missing, the checkpoint is there."""
    story = whole()
    lines = story.lines()
    return told(story, [*lines[:6], lines[-1]])


def tail_cut_within_a_line() -> Told:
    """The file ends in the middle of its last line."""
    story = whole()
    return story, story.file()[:-100]


def lines_after_the_checkpoint() -> Told:
    """Something follows the checkpoint."""
    story = Story().asked()
    lines = story.lines()
    return told(story, [*lines, lines[-1]])


def checkpoint_by_a_stranger() -> Told:
    """The tail was cut, and a checkpoint signed by another key was put there."""
    story = whole()
    lines = story.lines()
    head = entry_hash(statements.parse(envelope_of(lines[5])).statement)
    return told(story, [*lines[:6], story.end(size=6, head=head, signer=STRANGER)])


def line_relabelled() -> Told:
    """A line says another kind than its entry."""
    story = Story()
    story.minted()
    story.denied()
    lines = story.lines()
    return told(story, [lines[0], edit(lines[1], kind="call.allowed"), lines[2]])


def line_in_another_form() -> Told:
    """A line is the same JSON with spaces in it."""
    story = Story().asked()
    lines = story.lines()
    lines[1] = json.dumps(json.loads(lines[1]), sort_keys=True).encode() + b"\n"
    return told(story, lines)


def attachment_replaced() -> Told:
    """Other arguments were put beside the entry."""
    story = whole()
    lines = story.lines()
    stored = json.loads(lines[6])["attachments"]
    stored["arguments"]["content"] = text_of(cbor.encode({**RESTART, "service": "ledger"}))
    return told(story, [*lines[:6], edit(lines[6], attachments=stored), *lines[7:]])


def attachment_hidden() -> Told:
    """What people were shown is no longer beside the entry, and nothing says that it was erased."""
    story = Story().asked()
    lines = story.lines()
    stored = json.loads(lines[1])["attachments"]
    del stored["display"]
    return told(story, [lines[0], edit(lines[1], attachments=stored), *lines[2:]])


def entry_of_another_incident() -> Told:
    """An entry comes from another incident of the same service."""
    story, other = Story().ran(), Story(number=2).ran()
    lines = story.lines()
    return told(story, [*lines[:2], other.lines()[2], *lines[3:]])


def entry_signed_as_a_checkpoint() -> Told:
    """An entry was signed in the context of checkpoints."""
    story = Story().asked()
    lines = story.lines()
    facts = {name: value for name, value in statements.parse(envelope_of(lines[1])).facts.items() if name != "version"}
    other = statements.sign(statements.Context.CHECKPOINT, facts, story.ledger)
    return told(story, [lines[0], edit(lines[1], entry=text_of(other.to_bytes())), *lines[2:]])


# --- Somebody brings keys of their own ------------------------------------------------------------


def root_replaced() -> Told:
    """Everything is genuine, under another root than the one that is trusted."""
    story = Story(trusted_root=STRANGER).ran()
    return told(story)


def ledger_key_not_endorsed() -> Told:
    """The file was signed anew with a key that nobody endorsed."""
    story = Story().asked()
    return told(story, story.lines(signer=STRANGER))


def ledger_key_endorses_itself() -> Told:
    """The key that signed the file endorsed itself."""
    story = Story().asked()
    story.detail(1, endorsements=[story.endorsement("ledger", STRANGER, by=STRANGER)])
    return told(story, story.lines(signer=STRANGER))


def ledger_signed_by_the_receipts_key() -> Told:
    """The file was signed with the key that is endorsed for receipts."""
    story = Story().asked()
    return told(story, story.lines(signer=story.receipts))


def receipts_key_not_endorsed() -> Told:
    """A receipt was signed by a worker that nobody endorsed."""
    story = Story()
    story.minted()
    story.receipts = STRANGER
    story.forged("read_logs", READ)
    return told(story)


def warrant_of_another_root() -> Told:
    """The service is genuine, but the warrant was issued by somebody else."""
    story = Story()
    story.warrant = story.issue(STRANGER)
    story.warrant_chain = [bytes(story.warrant.to_bytes())]
    story.minted()
    return told(story)


def warrant_of_another_incident() -> Told:
    """A call came under another warrant of the same root."""
    story = Story()
    story.minted()
    other = Story(number=2)
    story.warrant, story.warrant_chain = other.warrant, other.warrant_chain
    story.allowed()
    return told(story)


# --- The agent hands itself more ------------------------------------------------------------------


def _handed_on(change: Any, tool: str = "read_logs", arguments: dict[str, Any] | None = None) -> Told:
    story = Story()
    story.minted()
    story.handed_on(change, key(29))
    story.forged(tool, arguments or READ)
    return told(story)


def child_warrant_widened() -> Told:
    """A child warrant allows an environment that its parent does not."""

    def wider(payload: dict[int, Any]) -> None:
        payload[3]["restart_service"]["constraints"]["environment"] = [4, {"values": ["production", "test"]}]

    return _handed_on(wider)


def child_warrant_binds_nothing() -> Told:
    """A child warrant drops the constraint of an argument."""

    def wider(payload: dict[int, Any]) -> None:
        payload[3]["restart_service"]["constraints"]["environment"] = [16, None]

    return _handed_on(wider)


def child_warrant_adds_a_tool() -> Told:
    """A child warrant allows a tool that its parent does not."""

    def wider(payload: dict[int, Any]) -> None:
        payload[3]["delete_database"] = {"constraints": {"name": [16, None]}}

    return _handed_on(wider, "delete_database", {"name": "payments"})


def child_warrant_outlives_its_parent() -> Told:
    """A child warrant expires after its parent."""

    def wider(payload: dict[int, Any]) -> None:
        payload[7] += 3600

    return _handed_on(wider)


def child_warrant_drops_a_gate() -> Told:
    """A child warrant has no gate where its parent has one."""

    def wider(payload: dict[int, Any]) -> None:
        payload[10] = {}

    return _handed_on(wider)


def child_warrant_replaces_the_approvers() -> Told:
    """A child warrant names a key of the agent's as its only approver."""

    def weaker(payload: dict[int, Any]) -> None:
        payload[15] = [[1, STRANGER.public_key().public_bytes_raw()]]

    return _handed_on(weaker)


def child_warrant_adds_an_approver() -> Told:
    """A child warrant names one approver more, without asking for one more."""

    def weaker(payload: dict[int, Any]) -> None:
        payload[15] = [*payload[15], [1, STRANGER.public_key().public_bytes_raw()]]

    return _handed_on(weaker)


def child_warrant_of_another_parent() -> Told:
    """A child warrant names the hash of another parent."""

    def other(payload: dict[int, Any]) -> None:
        payload[9] = list(hashlib.sha256(b"another").digest())

    return _handed_on(other)


def child_warrant_issued_by_a_stranger() -> Told:
    """A child warrant was not issued by its parent's holder."""
    story = Story()
    story.minted()
    story.holder = STRANGER

    def issuer(payload: dict[int, Any]) -> None:
        payload[5] = [1, STRANGER.public_key().public_bytes_raw()]

    story.handed_on(issuer, key(29))
    story.forged("read_logs", READ)
    return told(story)


# --- The server itself turns bad: it holds the ledger key and the receipts key --------------------


def call_without_approval() -> Told:
    """A gated call ran, and nobody approved."""
    story = Story()
    story.minted()
    story.forged("restart_service", RESTART)
    return told(story)


def call_of_another_tool() -> Told:
    """A tool that the warrant does not allow ran."""
    story = Story()
    story.minted()
    story.forged("delete_database", {"name": "payments"})
    return told(story)


def call_outside_its_constraint() -> Told:
    """An argument is none of those that the warrant allows."""
    story = Story()
    story.minted()
    story.forged("restart_service", {**RESTART, "environment": "test"})
    return told(story)


def call_with_another_argument() -> Told:
    """A call has an argument that the warrant does not name."""
    story = Story()
    story.minted()
    story.forged("read_logs", {**READ, "sudo": True})
    return told(story)


def call_after_the_warrant_expired() -> Told:
    """A call ran when the warrant had expired."""
    story = Story()
    story.minted()
    story.forged("read_logs", READ, at=story.now + 3600)
    return told(story)


def call_in_another_namespace() -> Told:
    """The warrant is for an incident in another namespace than the one the call ran in."""
    story = Story(namespace="staging")
    story.minted()
    story.allowed()
    return told(story)


def proof_by_another_key() -> Told:
    """A stranger's proof of possession: the agent's key did not ask for the call."""
    story = Story()
    story.minted()
    proof = bytes(story.warrant.sign(private_key(STRANGER), "read_logs", READ, story.now))
    story.forged("read_logs", READ, proof=proof)
    return told(story)


def proof_of_another_hour() -> Told:
    """A proof of possession was kept and used half an hour later."""
    story = Story()
    story.minted()
    proof = bytes(story.warrant.sign(private_key(story.holder), "read_logs", READ, story.now))
    story.forged("read_logs", READ, proof=proof, at=story.now + 1800)
    return told(story)


def receipt_of_other_arguments() -> Told:
    """The arguments beside a receipt are others: 50.0 is not 50."""
    story = Story()
    story.minted()
    story.allowed()
    salt, _ = story.attachments[1]["arguments"]  # type: ignore[misc]
    story.attachments[1]["arguments"] = (salt, cbor.encode({**READ, "lines": 50.0}))
    return told(story)


def receipt_of_another_call() -> Told:
    """The receipt of one call stands beside another."""
    story = Story().ran()
    receipt = story.statements[3]["details"]["receipt"]
    story.allowed()
    story.detail(5, receipt=receipt)
    del story.statements[3], story.attachments[3]
    return told(story)


def receipt_at_another_time() -> Told:
    """The entry says another time than the receipt."""
    story = Story()
    story.minted()
    story.allowed()
    story.detail(2, decided_at_ms=(story.now + 2) * 1000)
    return told(story)


def receipt_recorded_twice() -> Told:
    """One receipt is recorded as two calls."""
    story = Story()
    story.minted()
    story.allowed()
    story.statements.append(dict(story.statements[1]))
    story.attachments.append(dict(story.attachments[1]))
    return told(story)


def receipt_flipped() -> Told:
    """One bit of a receipt was changed before the entry was signed."""
    story = Story()
    story.minted()
    story.allowed()
    data = bytearray(story.statements[1]["details"]["receipt"])
    data[-1] ^= 1
    story.detail(2, receipt=bytes(data))
    return told(story)


def denied_call_as_allowed() -> Told:
    """A refused call is recorded as allowed."""
    story = Story()
    story.minted()
    story.denied()
    story.statements[1]["kind"] = EntryKind.CALL_ALLOWED.value
    return told(story)


def allowed_call_as_denied() -> Told:
    """A call that ran is recorded as refused."""
    story = Story()
    story.minted()
    story.allowed()
    story.statements[1]["kind"] = EntryKind.CALL_DENIED.value
    return told(story)


def allowed_call_refused() -> Told:
    """A receipt refuses a call that the warrant allows."""
    story = Story()
    story.minted()
    story.forged("read_logs", READ, kind=EntryKind.CALL_DENIED, code="constraint-violation")
    return told(story)


def gate_as_denial() -> Told:
    """A call that stopped at its gate is recorded as refused."""
    story = Story()
    story.minted()
    story.gated()
    story.statements[1]["kind"] = EntryKind.CALL_DENIED.value
    return told(story)


def gate_that_is_none() -> Told:
    """A call is said to have stopped at a gate that the warrant does not have."""
    story = Story()
    story.minted()
    story.forged("read_logs", READ, kind=EntryKind.CALL_GATED, code="approval-required")
    return told(story)


def attempt_not_told() -> Told:
    """A refused call does not say which attempt it was."""
    story = Story()
    story.minted()
    story.denied()
    story.detail(2, attempt="text")
    return told(story)


def refused_call_with_a_forged_warrant() -> Told:
    """The warrant of a refused call is not signed by the issuer it names."""
    story = Story()
    story.minted()
    story.denied()
    warrant = bytearray(story.warrant_chain[0])
    warrant[-1] ^= 1
    story.detail(2, warrant_chain=[bytes(warrant)])
    return told(story)


def unknown_kind() -> Told:
    """An entry is of a kind that does not exist."""
    story = Story().asked()
    story.completed()
    story.statements[2]["kind"] = "run.imagined"
    return told(story)


def approval_of_another_form() -> Told:
    """An approval with which a call ran is of a version that Tenuo does not know."""
    story = Story()
    approval = story.approved()
    other = cbor2.dumps({**cbor2.loads(approval), "approval_version": 2})
    story.forged("restart_service", RESTART, approvals=(other,), request_id="request-1")
    return told(story)


# --- What people were asked -----------------------------------------------------------------------


def request_of_another_call() -> Told:
    """The request names the hash of another call than the one people were shown."""
    story = Story()
    story.minted()
    story.requested(request_hash=story.request_hash("restart_service", {**RESTART, "service": "ledger"}))
    return told(story)


def request_asks_fewer() -> Told:
    """The warrant asks for two people; one was asked."""
    story = Story(threshold=2)
    story.minted()
    story.requested(threshold=1)
    return told(story)


def request_opened_twice() -> Told:
    """A request is opened a second time."""
    story = Story().asked()
    story.requested()
    return told(story)


def display_of_other_words() -> Told:
    """People were shown other words than those whose digest they signed."""
    story = Story().asked()
    salt, content = story.attachments[1]["display"]  # type: ignore[misc]
    facts = cbor.decode(content)
    story.attachments[1]["display"] = (salt, cbor.encode({**facts, "reasoning": "nothing to see"}))
    return told(story)


def display_digest_of_another_decision() -> Told:
    """A person signed over other words than the request showed."""
    story = Story().asked()
    story.granted(story.approve(display_digest=bytes(32)))
    return told(story)


def display_left_out() -> Told:
    """What people were shown was never attached."""
    story = Story().asked()
    del story.attachments[1]["display"]
    return told(story)


def policy_of_another_version() -> Told:
    """A person signed under another version of the policy."""
    story = Story().asked()
    story.granted(story.approve(policy_version="incident-response@2"))
    return told(story)


def policy_that_the_warrant_does_not_name() -> Told:
    """The request names another version of the policy than the warrant."""
    story = Story()
    story.minted()
    story.requested(policy_version="incident-response@2")
    return told(story)


# --- What people signed ---------------------------------------------------------------------------


def approval_forged() -> Told:
    """An approval's signature was changed."""
    story = Story().asked()
    facts = cbor2.loads(story.approve())
    signature = bytearray(facts["signature"][1])
    signature[3] ^= 1
    approval = story.approve()
    story.granted(approval)
    story.detail(3, approval=approval.replace(cbor2.loads(approval)["signature"][1], bytes(signature)))
    return told(story)


def approval_by_a_stranger() -> Told:
    """The key that approved is none that the warrant names."""
    story = Story().asked()
    story.granted(story.approve(key=STRANGER, person=LEAD))
    return told(story)


def approval_in_another_name() -> Told:
    """A person's key signed in another person's name."""
    story = Story().asked()
    story.granted(story.approve(person=OTHER_LEAD))
    return told(story)


def approval_recorded_for_another_person() -> Told:
    """The entry names another person than the one who signed."""
    story = Story()
    story.approved()
    story.detail(3, person=OTHER_LEAD)
    return told(story)


def approval_of_another_request() -> Told:
    """An approval of one request let another run."""
    story = Story()
    approval = story.approved()
    story.requested("request-2")
    story.restarted(approval, request_id="request-2")
    return told(story)


def approval_of_another_run() -> Told:
    """An approval of one run let another run's call run."""
    story = Story()
    story.restarted(story.approved(), run_id="run-2")
    return told(story)


def approval_of_another_namespace() -> Told:
    """A person approved the same call in another namespace."""
    story = Story().asked()
    story.granted(story.approve(namespace="staging"))
    return told(story)


def approval_of_other_arguments() -> Told:
    """A person approved the restart of another service."""
    story = Story().asked()
    story.granted(story.approve(arguments={**RESTART, "service": "ledger"}))
    return told(story)


def approval_used_twice() -> Told:
    """One approval let two calls run."""
    story = Story()
    approval = story.approved()
    story.restarted(approval)
    story.restarted(approval)
    return told(story)


def approval_never_granted() -> Told:
    """A call ran with an approval that is not recorded."""
    story = Story().asked()
    story.restarted(story.approve())
    return told(story)


def approval_recorded_after_the_call() -> Told:
    """A call ran before its approval is recorded."""
    story = Story().asked()
    approval = story.approve()
    story.restarted(approval)
    story.granted(approval)
    return told(story)


def approval_recorded_twice() -> Told:
    """One signature is recorded as two decisions."""
    story = Story()
    story.granted(story.approved())
    return told(story)


def approval_before_its_request() -> Told:
    """A decision is recorded before its request."""
    story = Story()
    story.minted()
    story.granted(story.approve())
    story.requested()
    return told(story)


def approval_after_a_denial() -> Told:
    """One person denied; then another's approval is recorded."""
    story = Story().asked()
    story.refused(story.deny())
    story.granted(story.approve(key=story.other))
    return told(story)


def approval_by_who_denied() -> Told:
    """A person who had denied approves."""
    story = Story(terms=TWO_MAY_DENY).asked()
    story.refused(story.deny())
    story.granted(story.approve())
    return told(story)


def approval_taken_back() -> Told:
    """A call ran with an approval that its person had taken back."""
    story = Story()
    approval = story.approved()
    story.taken_back(approval)
    story.restarted(approval)
    return told(story)


def approval_taken_back_by_another() -> Told:
    """A person takes back what another approved."""
    story = Story()
    story.taken_back(story.approved(), key=story.other)
    return told(story)


def approval_expired() -> Told:
    """A call ran when its approval was no longer valid."""
    story = Story()
    approval = story.approved()
    story.forged("restart_service", RESTART, at=story.now + 1000, approvals=(approval,), request_id="request-1")
    return told(story)


def approval_of_ten_years() -> Told:
    """An approval lives for ten years."""
    story = Story().asked()
    story.granted(story.approve(lifetime=3650 * DAY))
    return told(story)


def approval_outlives_its_terms() -> Told:
    """An approval lives longer than the warrant's terms allow."""
    story = Story().asked()
    story.granted(story.approve(lifetime=1000))
    return told(story)


def approval_signed_after_its_record() -> Told:
    """A person signed a day after the decision is said to have been recorded."""
    story = Story().asked()
    story.now += DAY
    approval = story.approve()
    story.now -= DAY
    story.granted(approval)
    return told(story)


def approver_barred() -> Told:
    """Who raised the alert is named as an approver, and approved."""
    story = Story(terms=with_terms(barred_people=(LEAD,))).asked()
    story.granted(story.approve())
    return told(story)


def approver_named_though_barred() -> Told:
    """The warrant names an approver whom its own terms bar."""
    story = Story(terms=with_terms(barred_people=(LEAD,)))
    story.minted()
    return told(story)


def approver_is_the_agent() -> Told:
    """The agent's own key is among the approvers."""
    story = Story(other=key(24))
    story.minted()
    return told(story)


def approver_is_the_issuer() -> Told:
    """The issuer's own key is among the approvers."""
    story = Story(other=key(21))
    story.minted()
    return told(story)


def approver_is_whom_the_agent_works_for() -> Told:
    """The agent works for a person whom the warrant does not bar from approving."""
    story = Story(extensions={ACTING: Acting("incident-agent", LEAD).to_bytes()})
    story.minted()
    return told(story)


def approvers_not_those_of_the_warrant() -> Told:
    """The entry names other approvers than the warrant."""
    story = Story()
    story.minted()
    story.detail(1, approvers=[{"key": public(STRANGER), "person": LEAD}])
    return told(story)


def one_person_twice() -> Told:
    """Two keys of one person approved where two people were needed."""
    story = Story(threshold=2)
    story.people[public(story.other)] = LEAD
    story.asked()
    given = [story.approve(), story.approve(key=story.other)]
    for approval in given:
        story.granted(approval)
    story.restarted(*given)
    return told(story)


def quorum_not_met() -> Told:
    """One person approved where two were needed."""
    story = Story(threshold=2)
    approval = story.approved()
    story.forged("restart_service", RESTART, approvals=(approval,), request_id="request-1")
    return told(story)


def second_factor_missing() -> Told:
    """The request asked for a fresh second factor, and the decision names none."""
    story = Story()
    story.minted()
    story.requested(step_up_seconds=300)
    story.granted(story.approve())
    return told(story)


def second_factor_too_old() -> Told:
    """The second factor was an hour old where five minutes were asked for."""
    story = Story()
    story.minted()
    story.requested(step_up_seconds=300)
    story.granted(story.approve(), step_up={"method": "passkey", "at": story.now - 3600})
    return told(story)


def denial_as_approval() -> Told:
    """A denial is recorded as an approval."""
    story = Story().asked()
    denial = story.deny()
    story.refused(denial)
    story.statements[2]["kind"] = EntryKind.APPROVAL_GRANTED.value
    story.detail(3, approval=denial)
    return told(story)


def denial_dressed_as_approval() -> Told:
    """A denial's bytes and signature were put into an approval's form."""
    story = Story().asked()
    denial = story.deny()
    story.refused(denial)
    envelope = statements.parse(denial)
    dressed = {
        "approval_version": 1,
        "payload": envelope.statement,
        "approver_key": [1, envelope.signer_key],
        "signature": [1, envelope.signature],
    }
    story.statements[2]["kind"] = EntryKind.APPROVAL_GRANTED.value
    story.detail(3, approval=cbor2.dumps(dressed))
    return told(story)


def denial_said_to_end_the_request() -> Told:
    """A denial is said to have ended a request that another could still approve."""
    story = Story(terms=TWO_MAY_DENY).asked()
    story.refused(story.deny(), ends_request=True)
    return told(story)


def call_after_a_denial() -> Told:
    """A call ran though a person had denied it."""
    story = Story()
    approval = story.approved()
    story.refused(story.deny(key=story.other))
    story.restarted(approval)
    return told(story)


# --- Whose keys they are --------------------------------------------------------------------------


def _endorsed(*endorsements: bytes, story: Story) -> Told:
    story.key_endorsements = list(endorsements)
    return told(story.ran())


def key_not_endorsed() -> Told:
    """Nobody endorsed the key that approved."""
    return _endorsed(story=Story())


def key_endorsed_by_a_stranger() -> Told:
    """The key that approved was endorsed by somebody whom no people root stands behind."""
    story = Story()
    return _endorsed(story.key_endorsements[0], story.endorse(STRANGER, story.lead, LEAD), story=story)


def key_endorsed_after_it_signed() -> Told:
    """The key that approved was endorsed an hour later."""
    story = Story()
    own = story.endorse(story.administrator, story.lead, LEAD, later=7200)
    return _endorsed(story.key_endorsements[0], own, story=story)


def key_endorsed_for_another_person() -> Told:
    """The key that approved was endorsed as another person's."""
    story = Story()
    own = story.endorse(story.administrator, story.lead, OTHER_LEAD)
    return _endorsed(story.key_endorsements[0], own, story=story)


def key_endorsed_for_another_role() -> Told:
    """The key that approved was endorsed, but not as an approver's."""
    story = Story()
    own = story.endorse(story.administrator, story.lead, LEAD, EndorsedRole.SECURITY_ADMINISTRATOR)
    return _endorsed(story.key_endorsements[0], own, story=story)


def key_endorsed_by_its_own_person() -> Told:
    """An administrator endorsed a key of their own."""
    story = Story()
    own = story.endorse(story.administrator, story.lead, ADMINISTRATOR)
    return _endorsed(story.key_endorsements[0], own, story=story)


def two_keys_endorsed_for_one_person() -> Told:
    """Two people's names signed, but both keys were endorsed as one person's."""
    story = Story(threshold=2)
    story.key_endorsements[2] = story.endorse(story.administrator, story.other, LEAD)
    story.asked()
    given = [story.approve(), story.approve(key=story.other)]
    for approval in given:
        story.granted(approval)
    story.restarted(*given)
    return told(story)


# --- How things ended -----------------------------------------------------------------------------


def result_of_a_call_that_no_receipt_allowed() -> Told:
    """A call is said to have run, and there is no receipt of it."""
    story = Story().asked()
    story.result()
    return told(story)


def result_of_a_denied_call() -> Told:
    """A result is recorded of a call that a person denied."""
    story = Story().asked()
    story.refused(story.deny())
    story.result()
    return told(story)


def expired_before_its_time() -> Told:
    """A request is recorded as expired while people could still decide."""
    story = Story().asked()
    story.add(EntryKind.APPROVAL_EXPIRED, {"request_id": "request-1", "expires_at": story.now + 3600})
    return told(story)


def withdrawn_without_a_request() -> Told:
    """A request is withdrawn that was never opened."""
    story = Story()
    story.minted()
    story.add(EntryKind.APPROVAL_WITHDRAWN, {"request_id": "request-9", "reason": "no longer needed"})
    return told(story)


def superseded_by_another_workflow() -> Told:
    """A request is superseded by one of another workflow."""
    story = Story().asked()
    story.requested("request-2", workflow_id="another")
    story.add(EntryKind.APPROVAL_SUPERSEDED, {"request_id": "request-1", "reason": "asked again", "by": "request-2"})
    return told(story)


def persons_key_in_an_incident() -> Told:
    """A person's key was enrolled in an incident's chain."""
    story = Story()
    story.minted()
    story.add(EntryKind.KEY_ENROLLED, {"person": LEAD})
    return told(story)


# --- What is said of warrants that an agent handed on ---------------------------------------------


def _told_of_one_handed_on(**lies: Any) -> Told:
    story = Story()
    story.minted()
    story.handed_on_and_told(logs_alone, **lies)
    story.forged("read_logs", READ)
    return told(story)


def handed_on_by_another_parent() -> Told:
    """A warrant that was handed on is said to come from another than it does."""
    return _told_of_one_handed_on(parent="tnu_wrt_" + "0" * 32)


def handed_on_to_another_holder() -> Told:
    """A warrant that was handed on is said to be somebody else's."""
    return _told_of_one_handed_on(holder=public(STRANGER))


def handed_on_with_less_lost() -> Told:
    """A warrant that was handed on is said to have lost no tools."""
    return _told_of_one_handed_on(tools_removed=[])


def handed_on_with_nothing_narrowed() -> Told:
    """A warrant that was handed on is said to allow all arguments that its parent does."""
    return _told_of_one_handed_on(tools_narrowed=[])


def handed_on_and_longer_lived() -> Told:
    """A warrant that was handed on is said to end when its parent does."""
    return _told_of_one_handed_on(ends_earlier_seconds=0)


BAD = [
    make
    for name, make in list(globals().items())
    if callable(make) and not name.startswith("_") and getattr(make, "__module__", "") == __name__
]
