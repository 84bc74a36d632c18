"""What bundles have beyond one chain: logs, kept checkpoints, searches, records, chains of the service's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.entries import entry_hash
from audit.statements.evidence import Earlier, about_chain, about_search, entry_line, record_line
from audit.statements.key_endorsements import EndorsedRole, parse_endorsement
from audit.statements.kinds import EntryKind
from audit.statements.publications import facts_of as publication_of
from audit.statements.statements import Context, sign
from audit.statements.trusted_roots import facts_of as roots_of
from tests.audit.bundles import ORIGIN, MemoryLog, Salted, bundled, ended, linked
from tests.audit.evidence import ADMINISTRATOR, LEAD, OTHER_LEAD, READ, edit, public
from tests.vectors.evidence_story import STRANGER, Story, key, told, whole, with_terms

Told = tuple[Any, ...]
Statement = tuple[dict[str, Any], Salted]
OWN = "countersign.example/ledger"
EARLIER, LATER = 7, 16
PAYLOADS, EXPORTS = "payloads.37a8eec1ce19687d132fe29051dca629", "exports.37a8eec1ce19687d132fe29051dca629"


def changed(data: bytes, number: int, **changes: Any) -> bytes:
    """Return a file with other fields in a line; -1 is the last."""
    lines = data.splitlines(keepends=True)
    place = number - 1 if number > 0 else number
    lines[place] = edit(lines[place], **changes)
    return b"".join(lines)


# --- Several incidents, and what other chains say of them -----------------------------------------


def stories() -> list[Story]:
    """Return two incidents, the second one a month later."""
    first, second = Story(number=1).ran(), Story(number=2, now=Story().now + 40 * 24 * 3600)
    second.minted()
    second.gated()
    second.requested()
    second.refused(second.deny())
    return [first, second]


def sections(told_of: Iterable[Story], log: MemoryLog | None = None) -> list[list[bytes]]:
    """Return the lines of every chain; each second entry matches."""
    log = log or MemoryLog()
    return [story.lines(log=log, match=lambda sequence: sequence % 2 == 0) for story in told_of]


def keys_of(story: Story, *, enrolled: int = -3590, revoked: int | None = None) -> list[Statement]:
    """Return what the chain of keys says of the lead's key. Times are seconds after the story's."""
    root, administrator, lead = story.key_endorsements[0], public(story.administrator), public(story.lead)
    established = {
        "people_root": public(story.people_root),
        "person": ADMINISTRATOR,
        "key": administrator,
        "endorsements": [root],
        "replaces": b"",
    }
    says: list[tuple[EntryKind, dict[str, Any], int]] = [
        (EntryKind.PEOPLE_ROOT_ESTABLISHED, established, -3600),
        (EntryKind.KEY_ENROLLED, {"person": LEAD, "key": lead, "name": "laptop"}, enrolled),
        (EntryKind.KEY_ENDORSED, endorsed(story.key_endorsements[1]), -3580),
    ]
    if revoked is not None:
        reason = {"person": LEAD, "key": lead, "reason": "lost", "revoked_by": LEAD}
        says.append((EntryKind.KEY_REVOKED, reason, revoked))
    return [at(story, kind, details, after) for kind, details, after in says]


def at(story: Story, kind: EntryKind, details: dict[str, Any], after: int) -> Statement:
    return {"at": (story.now + after) * 1000, "kind": kind.value, "details": details}, {}


def endorsed(envelope: bytes, endorser: str = ADMINISTRATOR) -> dict[str, Any]:
    """Return what the ledger says of an endorsement."""
    said = parse_endorsement(envelope)
    return {
        "person": said.person,
        "key": said.key,
        "role": said.role.value,
        "strength": said.strength,
        "endorser": endorser,
        "endorser_key": said.endorser_key,
        "endorsement": envelope,
    }


def records(chain: str, says: list[Statement], key: Ed25519PrivateKey) -> list[bytes]:
    log, lines = MemoryLog(OWN), []
    signed = linked(chain, says, key)
    positions = [log.append(entry_hash(envelope.statement)) for envelope, _ in signed]
    for position, (envelope, salted) in zip(positions, signed, strict=True):
        lines.append(record_line(envelope, attachments=salted, log=log.located(position, key)))
    return lines


def search(story: Story, lines: Iterable[bytes]) -> Told:
    return story, b"".join(bundled(about_search({"tool": "restart_service", "year": "2026"}), lines))


def with_records(story: Story, says: list[Statement], *, chain: str = "keys") -> Told:
    """Return an incident with all of ``says`` as records."""
    return told(story, [*story.lines(), *records(chain, says, story.ledger)])


def found_in_two_incidents() -> Told:
    """A search found entries of two incidents, in two months."""
    first, second = stories()
    lines = [line for section in sections([first, second]) for line in section]
    return search(first, [*lines, *records("keys", keys_of(first), first.ledger)])


def found_nothing() -> Told:
    """A search found nothing: nobody signed anything of this."""
    return search(Story(), [])


def key_revoked_after_it_decided() -> Told:
    """The key was revoked later: what it decided before stays."""
    story = whole()
    return with_records(story, keys_of(story, revoked=60))


def erased_and_recorded() -> Told:
    """The arguments of a call were erased, and the ledger says when and why."""
    story = whole()
    lines = story.lines()
    stored = json.loads(lines[6])["attachments"]
    lines[6] = edit(lines[6], attachments={**stored, "arguments": None})
    details = {"by": "command line", "chain": story.chain, "name": "arguments", "reason": "asked for", "sequence": 7}
    erased = at(story, EntryKind.PAYLOAD_ERASED, details, 90)
    return told(story, [*lines, *records(PAYLOADS, [erased], story.ledger)])


def chains_not_in_order() -> Told:
    """The second incident stands before the first."""
    made = stories()
    first, second = sections(made)
    return search(made[0], [*second, *first])


def chain_twice() -> Told:
    """An incident stands there twice."""
    made = stories()
    first, _ = sections(made)
    return search(made[0], [*first, *first])


def chain_without_its_end() -> Told:
    """The end of the first of two incidents is missing."""
    made = stories()
    first, second = sections(made)
    return search(made[0], [*first[:-1], *second])


def chain_left_out() -> Told:
    """One of two incidents was taken out of the file."""
    story, data = found_in_two_incidents()
    lines = data.splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if b'"line":"end"' in line)
    return story, b"".join([lines[0], *lines[end + 1 :]])


def another_chain_in_a_bundle_of_one() -> Told:
    """A file about one incident holds another one too."""
    first, second = stories()
    return told(first, [line for section in sections([first, second]) for line in section])


def chain_after_the_records() -> Told:
    """An incident follows the records."""
    made = stories()
    first, second = sections(made)
    return search(made[0], [*first, *records("keys", keys_of(made[0]), made[0].ledger), *second])


def about_another_chain() -> Told:
    """The first line names another incident."""
    story = whole()
    return story, b"".join(bundled(about_chain("tnu_wrt_" + "0" * 32), story.lines()))


def about_something_else() -> Told:
    """The first line does not say what the file is about."""
    story = whole()
    return story, changed(story.file(), 1, about={"kind": "everything"})


def bundle_line_missing() -> Told:
    """The first line is missing."""
    story = whole()
    return story, b"".join(story.file().splitlines(keepends=True)[1:])


def bundle_line_doubled() -> Told:
    """The first line stands there twice."""
    story = whole()
    lines = story.file().splitlines(keepends=True)
    return story, b"".join([lines[0], *lines])


def close_line_missing() -> Told:
    """The last line is missing."""
    story = whole()
    return story, b"".join(story.file().splitlines(keepends=True)[:-1])


def close_line_doubled() -> Told:
    """The last line stands there twice."""
    story = whole()
    lines = story.file().splitlines(keepends=True)
    return story, b"".join([*lines, lines[-1]])


def says_something_else() -> Told:
    """A line says in words what its entry does not."""
    story = whole()
    lines = story.lines()
    said = json.loads(lines[2])["says"].replace("call.denied", "call.allowed")
    return told(story, [*lines[:2], edit(lines[2], says=said), *lines[3:]])


def after_the_year_9999() -> Told:
    """An entry is of a time that no calendar shows."""
    story = Story().asked()
    story.statements[1]["at"] = 253_402_300_800_000
    entries = linked(story.chain, zip(story.statements, story.attachments, strict=True), story.ledger)
    story.statements[1]["at"] = 0
    lines = story.lines()
    envelope, salted = entries[1]
    late = dict(envelope.facts)
    envelope.facts["at"] = 0
    line = entry_line(envelope, attachments=salted, match=True)
    envelope.facts.update(late)
    return told(story, [lines[0], line, *lines[2:]])


# --- Logs -----------------------------------------------------------------------------------------


def _with_log(**changes: Any) -> Told:
    """Return an incident whose end has something else in "log"."""
    story = whole()
    lines = story.lines()
    log = {**json.loads(lines[-1])["log"], **changes}
    return told(story, [*lines[:-1], edit(lines[-1], log=log)])


def note_by_a_stranger() -> Told:
    """The checkpoint of the log was signed by another key."""
    story, log = whole(), MemoryLog()
    story.lines(log=log)
    return _with_log(note=log.note(STRANGER))


def note_of_another_log() -> Told:
    """The checkpoint is of another log than the end says."""
    return _with_log(origin=OWN)


def note_that_is_none() -> Told:
    """There is no checkpoint where one should be."""
    return _with_log(note="a note\n")


def note_that_is_not_text() -> Told:
    """The checkpoint has half a character."""
    return _with_log(note="\ud800")


def position_of_another() -> Told:
    """The end names the place of the entry before."""
    story = whole()
    return _with_log(position=json.loads(story.lines()[-1])["log"]["position"] - 1)


def position_beyond_the_log() -> Told:
    """The end names a place that the log does not have."""
    return _with_log(position=1000)


def proof_cut() -> Told:
    """A hash of the proof is missing."""
    story = whole()
    return _with_log(proof=json.loads(story.lines()[-1])["log"]["proof"][:-1])


def proof_of_another_entry() -> Told:
    """The proof leads from another entry."""
    story = whole()
    log, key = MemoryLog(), story.ledger
    entries = linked(story.chain, zip(story.statements, story.attachments, strict=True), key)
    positions = [log.append(entry_hash(envelope.statement)) for envelope, _ in entries]
    log.append(bytes(32))
    other = log.located(positions[2], key)
    lines = story.lines()
    head, last = entry_hash(entries[-1][0].statement), int(story.statements[-1]["at"])
    return told(story, [*lines[:-1], ended(story.chain, size=len(entries), head=head, at=last, key=key, log=other)])


def cut_and_signed_again() -> Told:
    """The application took away the last entries and signed an end before them, in the place of the old one."""
    story = whole()
    entries = linked(story.chain, zip(story.statements, story.attachments, strict=True), story.ledger)
    log = MemoryLog()
    positions = [log.append(entry_hash(envelope.statement)) for envelope, _ in entries]
    log.append(bytes(32))
    genuine, at_ms = log.located(positions[-1], story.ledger), int(story.statements[5]["at"])
    head = entry_hash(entries[5][0].statement)
    end = ended(story.chain, size=6, head=head, at=at_ms, key=story.ledger, log=genuine)
    return told(story, [*story.lines()[:6], end])


def end_of_another_time() -> Told:
    """The end is signed for another time than its last entry's."""
    story, log = whole(), MemoryLog()
    lines = story.lines()
    entries = linked(story.chain, zip(story.statements, story.attachments, strict=True), story.ledger)
    head = entry_hash(entries[-1][0].statement)
    located = log.located(log.append(head), story.ledger)
    return told(story, [*lines[:-1], ended(story.chain, size=9, head=head, at=1, key=story.ledger, log=located)])


def two_logs_of_one_name() -> Told:
    """Two incidents are proven with two checkpoints of one size that are not the same."""
    first, second = Story(number=1).ran(), Story(number=2).ran()
    log, forked = MemoryLog(), MemoryLog(before=4)
    lines = first.lines(log=log)
    forked.append(b"\x07" * 32)
    return search(first, [*lines, *second.lines(log=forked)])


# --- Checkpoints that somebody keeps --------------------------------------------------------------


def _kept(
    size: int,
    *,
    fork: bool = False,
    is_shown: bool = True,
    signer: Ed25519PrivateKey | None = None,
    change: Callable[[Earlier], Earlier] = lambda one: one,
    is_given: bool = True,
) -> Told:
    """Return an incident and a checkpoint of the log at ``size``; ``fork``: of the log before it was written anew."""
    story = whole()
    log, genuine = MemoryLog(), MemoryLog(before=5)
    if fork:
        genuine.leaves[2] = bytes([9]) * 32
    lines = story.lines(log=log)
    genuine.leaves += log.leaves[len(genuine.leaves) :]
    note = json.loads(lines[-1])["log"]["note"]
    log.append(b"\x01" * 32)
    genuine.append(b"\x01" * 32)
    kept = genuine.note(signer or story.ledger, size)
    shown = [change(log.earlier(kept, note, (size, len(log.leaves) - 1)))] if is_shown else []
    data = b"".join(bundled(about_chain(story.chain), lines, earlier=shown))
    return (story, data, kept) if is_given else (story, data)


def goes_on_from_a_kept_checkpoint() -> Told:
    """Somebody kept a checkpoint of before, and the log goes on from it."""
    return _kept(EARLIER)


def kept_checkpoint_is_the_newer_one() -> Told:
    """Somebody kept a checkpoint of later than the incident."""
    return _kept(LATER)


def kept_checkpoint_is_the_same() -> Told:
    """Somebody kept the very checkpoint."""
    return _kept(LATER - 1)


def kept_by_somebody_else() -> Told:
    """The file shows that it goes on from a checkpoint which was not given."""
    return _kept(EARLIER, is_given=False)


def kept_of_another_log() -> Told:
    """Somebody kept a checkpoint of a log that nothing in the file is in."""
    story = whole()
    return story, story.file(), MemoryLog("elsewhere.example/ledger").note(STRANGER)


def written_anew_since_the_checkpoint() -> Told:
    """The application wrote its whole log anew after a checkpoint was kept, and signed it."""
    return _kept(EARLIER, fork=True)


def written_anew_before_the_checkpoint() -> Told:
    """The application wrote its log anew, and the checkpoint that was kept has more."""
    return _kept(LATER, fork=True)


def written_anew_at_the_checkpoint() -> Told:
    """The application wrote its log anew, with as many entries as the checkpoint that was kept."""
    return _kept(LATER - 1, fork=True)


def no_proof_from_the_kept_checkpoint() -> Told:
    """Somebody kept a checkpoint, and the file does not speak of it."""
    return _kept(EARLIER, is_shown=False)


def kept_checkpoint_by_a_stranger() -> Told:
    """The checkpoint that was kept is not signed by the ledger's key."""
    return _kept(EARLIER, signer=STRANGER)


def proof_from_another_checkpoint() -> Told:
    """The proof is from a checkpoint of another size than the one that was kept."""
    return *_kept(EARLIER)[:2], MemoryLog().note(whole().ledger, 4)


def proof_to_another_checkpoint() -> Told:
    """The proof leads to a checkpoint with which nothing in the file is proven."""
    other = MemoryLog()
    note = other.note(whole().ledger, 5)
    return _kept(4, change=lambda one: other.earlier(one.kept, note, (4, 5)), is_given=False)


def proof_from_the_kept_checkpoint_cut() -> Told:
    """A hash of the proof from the kept checkpoint is missing."""
    return _kept(EARLIER, change=lambda one: Earlier(one.kept, one.note, one.proof[:-1]))


def kept_checkpoint_of_nothing() -> Told:
    """The proof is from a checkpoint of an empty log."""
    empty = MemoryLog(ORIGIN, before=0)
    return _kept(EARLIER, change=lambda one: Earlier(empty.note(whole().ledger, 0), one.note, []), is_given=False)


# --- What the last line counts --------------------------------------------------------------------


def match_flipped() -> Told:
    """An entry that the search found is said not to match."""
    story, data = found_in_two_incidents()
    return story, changed(data, 3, match=False)


def match_flipped_in_a_bundle_of_one_chain() -> Told:
    """An entry of the incident that the file is about is said not to match, and is not counted."""
    story = whole()
    lines = story.lines()
    return told(story, [*lines[:3], edit(lines[3], match=False), *lines[4:]])


def _counts(**changes: Any) -> Told:
    story, data = found_in_two_incidents()
    return story, changed(data, -1, **changes)


def chains_miscounted() -> Told:
    """The last line counts three incidents."""
    return _counts(chains=3)


def entries_miscounted() -> Told:
    """The last line counts one entry more."""
    return _counts(entries=json.loads(found_in_two_incidents()[1].splitlines()[-1])["entries"] + 1)


def records_miscounted() -> Told:
    """The last line counts no records."""
    return _counts(records=0)


def matches_miscounted() -> Told:
    """The last line counts one match."""
    return _counts(matches=1)


def root_of_others() -> Told:
    """The root in the last line is over other entries."""
    return _counts(root="00" * 32)


def months_wrong() -> Told:
    """The last line says that everything happened in one month."""
    data = found_in_two_incidents()[1]
    first, second = json.loads(data.splitlines()[-1])["periods"]
    return _counts(periods=[{**first, "count": first["count"] + second["count"]}])


def months_swapped() -> Told:
    """The months in the last line stand in the other order."""
    data = found_in_two_incidents()[1]
    return _counts(periods=json.loads(data.splitlines()[-1])["periods"][::-1])


def root_of_a_month_wrong() -> Told:
    """The root of a month is over other entries."""
    data = found_in_two_incidents()[1]
    first, second = json.loads(data.splitlines()[-1])["periods"]
    return _counts(periods=[{**first, "root": second["root"]}, second])


def count_as_a_truth() -> Told:
    """A count is no number."""
    return _counts(chains=True)


# --- Records --------------------------------------------------------------------------------------


def key_revoked_before_it_decided() -> Told:
    """A key decided that had been revoked a minute before."""
    story = whole()
    return with_records(story, keys_of(story, revoked=-60))


def key_enrolled_after_it_decided() -> Told:
    """A key decided before it was enrolled."""
    story = whole()
    return with_records(story, keys_of(story, enrolled=60))


def retracted_with_a_revoked_key() -> Told:
    """A key took an approval back that had been revoked before."""
    story = Story()
    approval = story.approved()
    story.now += 120
    story.taken_back(approval)
    return with_records(story, keys_of(story, revoked=-60))


def records_not_in_order() -> Told:
    """Two records changed places."""
    story = whole()
    first, second, third = records("keys", keys_of(story), story.ledger)
    return told(story, [*story.lines(), first, third, second])


def record_by_a_stranger() -> Told:
    """A record was signed by another key."""
    story = whole()
    return told(story, [*story.lines(), *records("keys", keys_of(story), STRANGER)])


def record_that_is_in_no_log() -> Told:
    """The proof of a record leads to another root."""
    story = whole()
    first, *others = records("keys", keys_of(story), story.ledger)
    log = {**json.loads(first)["log"], "position": 1}
    return told(story, [*story.lines(), edit(first, log=log), *others])


def record_says_something_else() -> Told:
    """A record says in words what its entry does not."""
    story = whole()
    *others, last = records("keys", keys_of(story, revoked=60), story.ledger)
    return told(story, [*story.lines(), *others, edit(last, says=json.loads(last)["says"].replace("lost", "left"))])


def record_of_something_else() -> Told:
    """A record is of a kind that says nothing of keys or erased content."""
    story = whole()
    details = {"person": LEAD, "by": "command line", "role": "approver", "namespace": "", "group": ""}
    return with_records(story, [at(story, EntryKind.ROLE_GRANTED, details, -1)], chain="people")


def record_of_another_chain() -> Told:
    """A record says that a key was enrolled, in the chain of an incident."""
    story = whole()
    return with_records(story, keys_of(story), chain=Story(number=7).chain)


# --- Chains of the service's own ------------------------------------------------------------------


def _service(
    chain: str,
    says: list[Statement],
    *,
    story: Story | None = None,
    endorsements: list[bytes] | None = None,
    more: Callable[[Story], list[bytes]] = lambda story: [],
) -> Told:
    """Return the bundle of a chain that says ``says``."""
    story = story or Story()
    own = [story.endorsement("ledger", story.ledger)] if endorsements is None else endorsements
    signed = linked(chain, says, story.ledger)
    log = MemoryLog(OWN)
    hashes = [entry_hash(envelope.statement) for envelope, _ in signed]
    located = log.located([log.append(one) for one in hashes][-1], story.ledger)
    lines = [entry_line(envelope, attachments=salted, match=True) for envelope, salted in signed]
    end = ended(chain, size=len(lines), head=hashes[-1], at=says[-1][0]["at"], key=story.ledger, log=located)
    about = about_chain(chain, endorsements=own or None)
    return story, b"".join(bundled(about, [*lines, end, *more(story)]))


def chain_of_keys() -> Told:
    """What the ledger says of people's keys: enrolled, endorsed, revoked, and passkeys."""
    story = Story()
    says = keys_of(story, revoked=60)
    says.append(at(story, EntryKind.PASSKEY_ADDED, {"person": LEAD, "name": "phone"}, 70))
    return _service("keys", says, story=story)


def chain_of_keys_with_administrators() -> Told:
    """A security administrator endorses a second one, who endorses a key."""
    story = Story()
    second = story.endorse(story.administrator, story.other, OTHER_LEAD, EndorsedRole.SECURITY_ADMINISTRATOR, later=60)
    by_second = story.endorse(story.other, story.lead, LEAD, later=120)
    says = [
        keys_of(story)[0],
        at(story, EntryKind.KEY_ENDORSED, endorsed(second), -3000),
        at(story, EntryKind.KEY_ENDORSED, endorsed(by_second, OTHER_LEAD), -2900),
    ]
    return _service("keys", says, story=story)


def chain_of_people() -> Told:
    """What the ledger says of what people may do."""
    story = Story()
    details = {"person": LEAD, "by": "command line", "role": "approver", "namespace": "", "group": ""}
    says = [
        at(story, EntryKind.ROLE_GRANTED, details, 0),
        at(story, EntryKind.PERSON_DISABLED, {"person": LEAD, "by": ADMINISTRATOR}, 1),
    ]
    return _service("people", says)


def chain_of_exports() -> Told:
    """What the ledger says of what left."""
    story = Story()
    details = {"by": LEAD, "chain": story.chain, "count": 9, "form": "countersign-evidence-v2", "root": bytes(32)}
    return _service(EXPORTS, [at(story, EntryKind.EVIDENCE_EXPORTED, details, 0)])


def key_endorsed_after_it_was_revoked() -> Told:
    """A key was endorsed after it had been revoked."""
    story = Story()
    root, enrolled, own, revoked = keys_of(story, revoked=-3585)
    return _service("keys", [root, enrolled, revoked, own], story=story)


def keys_endorsed_by_a_stranger() -> Told:
    """A key was endorsed by somebody whom no people root stands behind."""
    story = Story()
    said = endorsed(story.endorse(STRANGER, story.lead, LEAD))
    return _service("keys", [keys_of(story)[0], at(story, EntryKind.KEY_ENDORSED, said, 0)], story=story)


def keys_endorsed_by_a_revoked_key() -> Told:
    """An administrator endorsed a key after their own had been revoked."""
    story = Story()
    revoked = {"person": ADMINISTRATOR, "key": public(story.administrator), "reason": "", "revoked_by": ADMINISTRATOR}
    later = endorsed(story.endorse(story.administrator, story.lead, LEAD, later=600))
    says = [
        keys_of(story)[0],
        at(story, EntryKind.KEY_REVOKED, revoked, -3300),
        at(story, EntryKind.KEY_ENDORSED, later, -3000),
    ]
    return _service("keys", says, story=story)


def keys_of_another_people_root() -> Told:
    """The people root that is said to be established is another one."""
    story = Story()
    story.people_root, genuine = STRANGER, story.people_root
    story.key_endorsements[0] = story.endorse(
        STRANGER, story.administrator, ADMINISTRATOR, EndorsedRole.SECURITY_ADMINISTRATOR
    )
    says = keys_of(story)
    story.people_root = genuine
    return _service("keys", says, story=story)


def endorsement_of_another_person() -> Told:
    """The ledger names another person than the endorsement."""
    story = Story()
    root, enrolled, (said, _) = keys_of(story)
    said["details"]["person"] = OTHER_LEAD
    return _service("keys", [root, enrolled, (said, {})], story=story)


def endorsement_flipped() -> Told:
    """One bit of an endorsement's signature was changed."""
    story = Story()
    root, enrolled, (said, _) = keys_of(story)
    data = bytearray(said["details"]["endorsement"])
    data[20] ^= 1
    said["details"]["endorsement"] = bytes(data)
    return _service("keys", [root, enrolled, (said, {})], story=story)


def root_endorses_another_than_it_says() -> Told:
    """A people root's endorsement is of another key than the ledger says."""
    story = Story()
    (said, _), *others = keys_of(story)
    said["details"]["key"] = public(story.other)
    return _service("keys", [(said, {}), *others], story=story)


def service_chain_that_nobody_endorsed() -> Told:
    """The first line does not say who endorsed the ledger's key."""
    return _service("keys", keys_of(Story()), endorsements=[])


def service_chain_endorsed_by_a_stranger() -> Told:
    """A key endorsed the ledger's that is no root."""
    story = Story()
    return _service("keys", keys_of(story), endorsements=[story.endorsement("ledger", story.ledger, by=STRANGER)])


def incidents_entry_in_the_chain_of_keys() -> Told:
    """A call stands in the chain of keys."""
    story = Story()
    return _service("keys", [*keys_of(story), at(story, EntryKind.RUN_COMPLETED, {"status": "completed"}, 1)])


def service_chain_begun_later() -> Told:
    """The first entry of the chain of keys is missing."""
    story, data = chain_of_keys()
    lines = data.splitlines(keepends=True)
    return story, b"".join([lines[0], *lines[2:]])


def record_in_a_bundle_of_keys() -> Told:
    """The chain of keys comes with a record."""
    return _service("keys", keys_of(Story()), more=lambda story: records("keys", keys_of(story), story.ledger)[:1])


# --- Policies: which text a warrant was minted under, and who published it --------------------------

POLICY = b"name: incident-response\nversion: 1\n"
PUBLISHER, AUTHOR = "local:pete", "local:paula"


def _under_a_policy(**beside: bytes) -> Story:
    """Return an incident whose warrant was minted under ``POLICY``, with ``beside`` as its attachments."""
    digest = hashlib.sha256(POLICY).digest()
    story = Story(terms=with_terms(policy_digest=digest))
    story.minted()
    story.statements[0]["details"]["policy"]["digest"] = digest
    story.attachments[0] = {name: (bytes(16), content) for name, content in beside.items()}
    story.forged("read_logs", READ)
    return story


def _published(story: Story, text: bytes = POLICY, **lies: Any) -> Statement:
    facts = publication_of(
        at=(story.now - 60) * 1000,
        authors=[AUTHOR],
        digest=hashlib.sha256(POLICY).digest(),
        number=1,
        person=PUBLISHER,
        policy="incident-response",
        replaces=bytes(32),
    )
    envelope = sign(Context.POLICY_PUBLICATION, {**facts, **lies}, key(40))
    told_of = {name: facts[name] for name in ("digest", "number", "person", "policy", "replaces")}
    details = {**told_of, "key": public(key(40)), "publication": envelope.to_bytes()}
    statement, _ = at(story, EntryKind.POLICY_PUBLISHED, details, -60)
    return statement, {"policy": (bytes(16), text), "replaced": (bytes(16), b"")}


def policy_beside_its_warrant() -> Told:
    """The text of the policy lies beside the warrant, and a record says who published it."""
    story = _under_a_policy(policy=POLICY)
    return with_records(story, [_published(story)], chain="policies")


def chain_of_policies() -> Told:
    """What the ledger says of policies."""
    story = Story()
    return _service("policies", [_published(story)], story=story)


def another_policy_beside_its_warrant() -> Told:
    """What lies beside the warrant is not the policy that it was minted under."""
    return told(_under_a_policy(policy=POLICY + b"# and more"))


def another_policy_named() -> Told:
    """The ledger names another version of the policy than the warrant."""
    story = _under_a_policy()
    story.statements[0]["details"]["policy"]["version"] = 2
    return told(story)


def policy_published_by_its_author() -> Told:
    """A record says that an author published their own policy."""
    story = _under_a_policy()
    return with_records(story, [_published(story, authors=[AUTHOR, PUBLISHER])], chain="policies")


def publication_of_another_text() -> Told:
    """The record of a publication has another text beside it than was signed."""
    story = _under_a_policy()
    return with_records(story, [_published(story, POLICY + b"# and more")], chain="policies")


def publication_that_says_something_else() -> Told:
    """The record of a publication names another version than was signed."""
    story = _under_a_policy()
    return with_records(story, [_published(story, number=2)], chain="policies")


def chain_of_policies_with_a_forged_publication() -> Told:
    """The chain of policies holds a publication whose signature is another's."""
    story = Story()
    statement, beside = _published(story)
    statement["details"]["key"] = public(STRANGER)
    return _service("policies", [(statement, beside)], story=story)


# --- Issuers: one root follows another ---------------------------------------------------------------

NEXT_ROOT = key(41)


def _rotated(story: Story, kind: EntryKind, number: int, **lies: Any) -> Statement:
    """Return what the ledger says of ``NEXT_ROOT``; ``lies`` are "roots", and "by" whom the set is signed."""
    by = lies.get("by", NEXT_ROOT if kind == EntryKind.ISSUER_ACTIVATED else story.root)
    roots = lies.get("roots", [public(story.root), public(NEXT_ROOT)])
    signed = sign(Context.TRUSTED_ROOTS, roots_of(at=(story.now - 60) * 1000, number=number, roots=roots), by)
    details = {
        "issuer": "root-2",
        "keeper": "wrapped",
        "key": public(NEXT_ROOT),
        "person": "local:olga",
        "reason": "",
        "roots": signed.to_bytes(),
    }
    return at(story, kind, details, number - 60)


def chain_of_policies_with_a_rotated_root() -> Told:
    """A root is announced, and signs."""
    story = Story()
    steps = [_rotated(story, EntryKind.ISSUER_ANNOUNCED, 1), _rotated(story, EntryKind.ISSUER_ACTIVATED, 2)]
    return _service("policies", steps, story=story)


def root_retired_and_still_believed() -> Told:
    """An issuer is retired, but the set of trusted roots has it."""
    story = Story()
    return _service("policies", [_rotated(story, EntryKind.ISSUER_RETIRED, 3)], story=story)


def root_announced_in_no_set() -> Told:
    """An issuer is announced, but the set of trusted roots lacks it."""
    story = Story()
    step = _rotated(story, EntryKind.ISSUER_ANNOUNCED, 1, roots=[public(story.root)])
    return _service("policies", [step], story=story)


def root_that_did_not_sign_its_set() -> Told:
    """The issuer that was activated did not sign the set of trusted roots."""
    story = Story()
    return _service("policies", [_rotated(story, EntryKind.ISSUER_ACTIVATED, 2, by=story.root)], story=story)


def set_of_roots_signed_from_outside() -> Told:
    """Whoever signed the set of trusted roots is not in it."""
    story = Story()
    return _service("policies", [_rotated(story, EntryKind.ISSUER_ANNOUNCED, 1, by=STRANGER)], story=story)


def empty_set_of_roots() -> Told:
    """The set of trusted roots has no root."""
    story = Story()
    return _service("policies", [_rotated(story, EntryKind.ISSUER_RETIRED, 3, roots=[])], story=story)


def _made(*names: str) -> list[Callable[[], Told]]:
    return [globals()[name] for name in names]


_GOOD = (
    "found_in_two_incidents",
    "key_revoked_after_it_decided",
    "erased_and_recorded",
    "goes_on_from_a_kept_checkpoint",
    "kept_checkpoint_is_the_newer_one",
    "kept_checkpoint_is_the_same",
    "kept_by_somebody_else",
    "chain_of_keys",
    "chain_of_keys_with_administrators",
    "chain_of_people",
    "chain_of_exports",
    "policy_beside_its_warrant",
    "chain_of_policies",
    "chain_of_policies_with_a_rotated_root",
)
_HELPERS = {
    "line_of",
    "changed",
    "stories",
    "sections",
    "keys_of",
    "at",
    "endorsed",
    "records",
    "search",
    "with_records",
}
GOOD_BUNDLES = _made(*_GOOD)
BAD_BUNDLES = [
    make
    for name, make in list(globals().items())
    if callable(make)
    and not name.startswith("_")
    and name not in {*_GOOD, *_HELPERS}
    and getattr(make, "__module__", "") == __name__
]
