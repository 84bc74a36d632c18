"""Steps 3, 4, 5 and 13: the ledger as a chain of signed entries."""

from __future__ import annotations

from dataclasses import dataclass

from audit.statements.entries import FIRST_PREVIOUS, SALT_BYTES, attachment_digest
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, Envelope, MalformedStatement
from audit.verify.reading import End, Entry
from audit.verify.steps import Refused, Step, require

_KINDS = frozenset(kind.value for kind in EntryKind)


@dataclass(slots=True)
class Place:
    """Where the chain stands before the next entry."""

    name: str
    size: int = 0
    head: bytes = FIRST_PREVIOUS
    at_ms: int = 0

    def move(self, entry: Entry) -> None:
        self.size, self.head, self.at_ms = entry.sequence, entry.entry_hash, entry.at_ms


def check_signature(envelope: Envelope, context: Context, ledger_keys: frozenset[bytes]) -> None:
    """Step 3."""
    endorsed = envelope.signer_key in ledger_keys
    require(endorsed, Step.SIGNATURE, "The signing key is not a ledger key that a trusted root endorsed.")
    try:
        envelope.verify(context)
    except MalformedStatement as error:
        raise Refused(Step.SIGNATURE, str(error)) from error


def check_place(entry: Entry, place: Place) -> None:
    """Step 4."""
    require(entry.kind in _KINDS, Step.PLACE, f"The kind {entry.kind!r} is not known here.")
    same = entry.chain == place.name
    require(same, Step.PLACE, f"The entry belongs to the chain {entry.chain!r}, not to {place.name!r}.")
    expected = place.size + 1
    require(
        entry.sequence == expected,
        Step.PLACE,
        f"The entry is number {entry.sequence} where number {expected} belongs: an entry is missing, doubled or moved.",
    )
    linked = entry.facts.data("previous", 32) == place.head
    require(linked, Step.PLACE, "The entry does not name the hash of the entry before it.")


def check_attachments(entry: Entry) -> None:
    """Step 5."""
    digests = entry.facts.mapping("attachments")
    named = set(digests) == set(entry.salted)
    require(named, Step.ATTACHMENTS, "The attachments beside the entry are not those that it names.")
    for name, pair in entry.salted.items():
        if pair is None:
            continue
        salt, content = pair
        same = len(salt) == SALT_BYTES and attachment_digest(salt, content) == digests[name]
        require(same, Step.ATTACHMENTS, f"The attachment {name!r} is not what was attached: its digest differs.")


def attached(entry: Entry, notes: list[str]) -> str:
    """Return in words what is attached as it was; note what was erased."""
    erased = [name for name, pair in entry.salted.items() if pair is None]
    if erased:
        notes.append(f"Line {entry.line}: erased, and not checked again: {', '.join(sorted(erased))}.")
    return f"{', '.join(sorted(entry.salted))} as attached" if entry.salted and not erased else ""


def check_end(end: End, place: Place, ledger_keys: frozenset[bytes]) -> None:
    """Step 13."""
    try:
        check_signature(end.envelope, Context.CHECKPOINT, ledger_keys)
    except Refused as error:
        raise Refused(Step.END, str(error)) from error
    facts = end.facts.for_step(Step.END)
    same = facts.text("chain") == place.name
    require(same, Step.END, f"The end is of the chain {facts.text('chain')!r}, not of {place.name!r}.")
    size = facts.integer("size")
    require(
        size == place.size,
        Step.END,
        f"The end counts {size} entries, but the last one here is number {place.size}.",
    )
    require(facts.data("head", 32) == place.head, Step.END, "The end names another last entry.")
    require(facts.integer("at") == place.at_ms, Step.END, "The end is of another time than the last entry.")
