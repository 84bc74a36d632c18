"""Whoever has the database and the application's own keys changes the ledger: ``verify_ledger`` finds and names it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import transaction

from audit import custody
from audit.keys import services as key_services
from audit.keys.queries import service_private_key, wrapping_purpose
from audit.ledger.services import append
from audit.log.services import integrate
from audit.log.tiles import Tiles
from audit.models import Attachment, Leaf, LedgerChain, LedgerEntry, Log, LogCheckpoint, PendingLeaf, ServiceKey, Tile
from audit.models.sealed import Sealed
from audit.retention.erasing import erase
from audit.rings.services import ensure_ring
from audit.statements import merkle, statements
from audit.statements.entries import FIRST_PREVIOUS, entry_hash
from audit.statements.kinds import EntryKind
from audit.statements.notes import Checkpoint, open_checkpoint, sign_checkpoint

ONE, TWO = "tnu_wrt_1", "tnu_wrt_2"
PAYMENTS = "payments"


def write(chain: str, count: int = 1, *, first: int = 1) -> None:
    with transaction.atomic():
        for number in range(first, first + count):
            append(
                chain=chain,
                kind=EntryKind.RUN_COMPLETED,
                details={"number": number},
                attachments={"arguments": b"content"},
                namespace=PAYMENTS,
            )


@pytest.fixture
def kept(db: None, tmp_path: Path) -> list[Path]:
    """Two incidents, written by turns, and the checkpoints that somebody took away."""
    with transaction.atomic():
        ensure_ring(namespace=PAYMENTS)
    for chain, number in ((ONE, 1), (TWO, 2), (ONE, 3), (TWO, 4), (ONE, 5)):
        write(chain, first=number)
    integrate(batch=2)
    call_command("checkpoint", directory=tmp_path, stderr=io.StringIO())
    return sorted(tmp_path.iterdir())


def verified(*kept: Path) -> tuple[int, str]:
    """Return the exit code and what was said."""
    output = io.StringIO()
    try:
        call_command("verify_ledger", checkpoint=list(kept), stdout=output, stderr=output)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    return 0, output.getvalue()


# --- What somebody with the database and the keys can do --------------------------------------


def delete(chain: str, *sequences: int) -> None:
    rows = LedgerEntry.objects.filter(chain=chain, sequence__in=sequences)
    Attachment.objects.filter(entry__in=rows).delete()
    PendingLeaf.objects.filter(entry__in=rows).delete()
    Leaf.objects.filter(entry__in=rows).delete()
    rows.delete()


def chain_anew(chain: str, change: Callable[[dict[str, Any]], None] = lambda facts: None) -> None:
    """Number, link and sign the entries of ``chain`` again, with the ledger's own key."""
    previous, row, sequence = FIRST_PREVIOUS, LedgerChain.objects.get(name=chain), 0
    for sequence, entry in enumerate(list(LedgerEntry.objects.filter(chain=chain).order_by("sequence")), start=1):
        content = entry.envelope
        entry.sequence = sequence
        facts = {**statements.parse(content).facts, "previous": previous, "sequence": sequence}
        change(facts)
        envelope = statements.sign(statements.Context.ENTRY, facts, service_private_key("ledger"))
        entry.envelope, entry.entry_hash = envelope.to_bytes(), entry_hash(envelope.statement)
        for attachment in entry.attachments.all():
            attachment.entry, opened = entry, Attachment.objects.get(pk=attachment.pk).content
            attachment.content = opened
            attachment.save()
        entry.save()
        previous = entry.entry_hash
    row.size, row.head = sequence, previous
    row.save()


def log_anew() -> None:
    """Build trees and checkpoints again, of what entries there are, and sign them."""
    entries = [*Leaf.objects.order_by("log", "position").values_list("entry", flat=True)]
    for model in (Leaf, Tile, LogCheckpoint):
        model.objects.all().delete()
    Log.objects.update(size=0)
    PendingLeaf.objects.bulk_create([PendingLeaf(entry_id=entry) for entry in entries])
    integrate()


def change_number(facts: dict[str, Any]) -> None:
    if facts["sequence"] == 2:
        facts["details"] = {"number": 70}


# --- Nothing was done ---------------------------------------------------------------------------


def test_a_whole_ledger_is_found_whole_and_what_was_written_since(kept: list[Path]) -> None:
    assert [path.name for path in kept] == ["installation.checkpoint", "namespace-payments.checkpoint"]
    code, said = verified(*kept)
    assert (code, "goes on from 2 checkpoints" in said) == (0, True)
    write(ONE, 3)
    assert verified(*kept)[0] == 0, "some wait for their place"
    integrate()
    assert verified(*kept)[0] == 0


def test_without_a_kept_checkpoint_it_says_what_that_is_worth(kept: list[Path]) -> None:
    code, said = verified()
    assert (code, "only a checkpoint" in said) == (0, True)


@pytest.mark.django_db
def test_an_empty_ledger_is_whole() -> None:
    assert verified()[0] == 0


def test_what_was_erased_with_a_record_is_no_fault(kept: list[Path]) -> None:
    erase(chain=ONE, reason="Personal data", by="local:grace")
    assert verified(*kept)[0] == 0


def test_checkpoint_prints_what_was_signed(kept: list[Path]) -> None:
    for path, options in zip(kept, ({}, {"namespace": PAYMENTS}), strict=True):
        output = io.StringIO()
        call_command("checkpoint", stdout=output, **options)
        assert output.getvalue() == path.read_text(encoding="utf-8")
    with pytest.raises(CommandError, match="'billing' has no checkpoint"):
        call_command("checkpoint", namespace="billing")


# --- Rows are changed, and no more --------------------------------------------------------------


def edit_kind() -> None:
    LedgerEntry.objects.filter(chain=ONE, sequence=2).update(kind=EntryKind.CALL_DENIED)


def edit_hash() -> None:
    LedgerEntry.objects.filter(chain=ONE, sequence=2).update(entry_hash=bytes(32))


def edit_statement() -> None:
    entry = LedgerEntry.objects.get(chain=ONE, sequence=2)
    facts = {**statements.parse(entry.envelope).facts, "details": {"number": 7}}
    entry.envelope = statements.sign(statements.Context.ENTRY, facts, service_private_key("ledger")).to_bytes()
    entry.save()


def sign_with_another_key() -> None:
    entry = LedgerEntry.objects.get(chain=ONE, sequence=2)
    facts = statements.parse(entry.envelope).facts
    entry.envelope = statements.sign(statements.Context.ENTRY, facts, Ed25519PrivateKey.generate()).to_bytes()
    entry.save()


def spoil_signature() -> None:
    entry = LedgerEntry.objects.get(chain=ONE, sequence=2)
    read = statements.parse(entry.envelope)
    entry.envelope = statements.Envelope(read.statement, read.signer_key, bytes(64), read.facts).to_bytes()
    entry.save()


def swap_contents() -> None:
    first, second = LedgerEntry.objects.filter(chain=ONE, sequence__lte=2).order_by("sequence")
    one, other = first.envelope, second.envelope
    first.envelope, second.envelope = other, one
    first.save()
    second.save()


def spoil_ciphertext() -> None:
    LedgerEntry.objects.filter(chain=ONE, sequence=2).update(envelope=Sealed(b"\xff\x05abcde" + bytes(60)))


def edit_attachment() -> None:
    attachment = Attachment.objects.get(entry__chain=ONE, entry__sequence=2)
    attachment.content = b"other"
    attachment.save()


def delete_attachment() -> None:
    Attachment.objects.filter(entry__chain=ONE, entry__sequence=2).delete()


def add_attachment() -> None:
    entry = LedgerEntry.objects.get(chain=ONE, sequence=2)
    Attachment.objects.create(entry=entry, name="more", salt=bytes(16), content=b"more")


def delete_entry() -> None:
    delete(ONE, 2)


def cut_chain() -> None:
    delete(ONE, 3)


def delete_chain() -> None:
    delete(ONE, 1, 2, 3)


def hide_from_log() -> None:
    Leaf.objects.filter(entry__chain=ONE, entry__sequence=2).delete()


def edit_head() -> None:
    LedgerChain.objects.filter(name=ONE).update(head=bytes(32))


def edit_chain_size() -> None:
    LedgerChain.objects.filter(name=ONE).update(size=2)


def swap_leaves() -> None:
    first, second = Leaf.objects.filter(entry__chain=ONE, entry__sequence__lte=2).order_by("position")
    places = first.position, second.position
    for leaf, place in ((first, 99), (second, places[0]), (first, places[1])):
        leaf.position = place
        leaf.save()


def edit_tile() -> None:
    tile = Tile.objects.get(log__namespace=PAYMENTS)
    Tile.objects.filter(pk=tile.pk).update(hashes=bytes(tile.hashes)[:64] + bytes(32) + bytes(tile.hashes)[96:])


def edit_note() -> None:
    note = LogCheckpoint.objects.filter(log__namespace=PAYMENTS, size=4)
    note.update(note=note.get().note.replace("\n4\n", "\n3\n"))


def other_note() -> None:
    rows = LogCheckpoint.objects.filter(log__namespace=PAYMENTS)
    rows.filter(size=4).update(note=rows.get(size=2).note)


def false_note() -> None:
    row = LogCheckpoint.objects.get(log__namespace=PAYMENTS, size=4)
    false = Checkpoint(row.log.origin, 4, bytes(32))
    LogCheckpoint.objects.filter(pk=row.pk).update(note=sign_checkpoint(false, service_private_key("ledger")))


def delete_note() -> None:
    LogCheckpoint.objects.filter(log__namespace=PAYMENTS, size=5).delete()


def edit_log_size() -> None:
    Log.objects.filter(namespace=PAYMENTS).update(size=4)


ENTRY = f"Entry 2 of {ONE}"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (edit_kind, f"{ENTRY} says that it is entry 2 of {ONE}, run.completed: its row says otherwise"),
        (edit_hash, f"{ENTRY} was changed"),
        (edit_statement, f"{ENTRY} was changed: it says something else"),
        (sign_with_another_key, f"{ENTRY} is signed with another key"),
        (spoil_signature, f"{ENTRY} was changed: its signature"),
        (swap_contents, f"{ENTRY} was changed"),
        (spoil_ciphertext, f"{ENTRY} cannot be read"),
        (edit_attachment, f"{ENTRY} has another attachment 'arguments'"),
        (delete_attachment, f"{ENTRY} has lost its attachment 'arguments'"),
        (add_attachment, f"{ENTRY} has an attachment 'more' that it does not name"),
        (delete_entry, f"{ENTRY} is missing"),
        (cut_chain, f"Entry 3 of {ONE} is missing, at its end"),
        (delete_chain, f"Entries 1 to 3 of {ONE} are missing: all it had"),
        (hide_from_log, f"{ENTRY} is in no log"),
        (edit_head, f"{ONE} is said to end with another entry"),
        (edit_chain_size, f"{ONE} has 3 entries, and is said to have 2"),
        (swap_leaves, f"{ENTRY} was changed, or stands in another's place: leaf 0"),
        (edit_tile, f"{ENTRY} was changed, or stands in another's place: leaf 2"),
        (edit_note, "its stored checkpoint of 4 entries does not verify"),
        (other_note, "its stored checkpoint of 4 entries is one of 2 entries"),
        (false_note, "its stored checkpoint of 4 entries is over other entries. From leaf 2 to leaf 3"),
        (delete_note, "no checkpoint of all of them"),
        (edit_log_size, "is said to have 4 entries, and had 5"),
    ],
)
def test_a_changed_row_is_found_without_anything_from_outside(
    kept: list[Path], damage: Callable[[], None], sentence: str
) -> None:
    damage()
    code, said = verified()
    assert code == 1
    assert sentence in said
    assert "NOT whole" in said
    assert sentence in verified(*kept)[1], "what was kept hides nothing"


def test_an_entry_that_waits_for_ever_is_found(kept: list[Path]) -> None:
    write(ONE)
    late = LedgerEntry.objects.get(chain=ONE, sequence=4)
    facts = {**statements.parse(late.envelope).facts, "at": late.at_ms - 600_000}
    envelope = statements.sign(statements.Context.ENTRY, facts, service_private_key("ledger"))
    late.envelope, late.at_ms, late.entry_hash = envelope.to_bytes(), facts["at"], entry_hash(envelope.statement)
    late.save()
    LedgerChain.objects.filter(name=ONE).update(head=late.entry_hash)
    assert f"Entry 4 of {ONE} has waited" in verified()[1]


# --- The whole past is written anew, with every key ---------------------------------------------


def rewrite() -> None:
    chain_anew(ONE, change_number)


def drop() -> None:
    delete(ONE, 2)
    chain_anew(ONE)


def cut_tail() -> None:
    delete(ONE, 3)
    chain_anew(ONE)


def drop_chain() -> None:
    delete(ONE, 1, 2, 3)
    LedgerChain.objects.filter(name=ONE).delete()


def reorder() -> None:
    entries = list(LedgerEntry.objects.filter(chain=ONE).order_by("sequence"))
    said = [statements.parse(entry.envelope).facts for entry in entries]
    order = {1: said[1], 2: said[0], 3: said[2]}
    assert said[0]["details"] != said[1]["details"]

    def swap(facts: dict[str, Any]) -> None:
        facts["details"] = order[facts["sequence"]]["details"]

    chain_anew(ONE, swap)


def reorder_leaves() -> None:
    first, second = Leaf.objects.filter(entry__chain=ONE, entry__sequence__lte=2).order_by("position")
    # The log alone is rebuilt in another order: each chain stays what it was.
    first_entry, second_entry = first.entry_id, second.entry_id
    Leaf.objects.filter(pk=second.pk).delete()
    Leaf.objects.filter(pk=first.pk).update(entry_id=second_entry)
    Leaf.objects.create(log=first.log, position=second.position, entry_id=first_entry)


@pytest.mark.parametrize("attack", [rewrite, drop, cut_tail, drop_chain, reorder])
def test_a_past_that_was_written_anew_agrees_with_itself_and_not_with_what_was_kept(
    kept: list[Path], attack: Callable[[], None]
) -> None:
    attack()
    log_anew()
    assert verified()[0] == 0, "the attack leaves no trace inside"
    code, said = verified(*kept)
    assert code == 1
    assert "localhost:5050/ledger/payments" in said
    assert "was cut" in said or "is not what was signed" in said
    write(TWO, 5)
    integrate()
    assert verified(*kept)[0] == 1, "nor does it help to write on"


def test_a_log_in_another_order_does_not_agree_with_what_was_kept(kept: list[Path]) -> None:
    reorder_leaves()
    leaves = list(Leaf.objects.filter(log__namespace=PAYMENTS).order_by("position").values_list("entry", flat=True))
    Tile.objects.filter(log__namespace=PAYMENTS).delete()
    LogCheckpoint.objects.filter(log__namespace=PAYMENTS).delete()
    log = Log.objects.get(namespace=PAYMENTS)
    hashes = [merkle.leaf_hash(bytes(LedgerEntry.objects.get(pk=entry).entry_hash)) for entry in leaves]
    tiles = Tiles(log)
    tiles.extend(0, hashes)
    checkpoint = Checkpoint(log.origin, log.size, merkle.root_of(hashes))
    note = sign_checkpoint(checkpoint, service_private_key("ledger"))
    LogCheckpoint.objects.create(log=log, size=log.size, note=note)
    assert verified()[0] == 0
    assert "is not what was signed" in verified(*kept)[1]


def test_a_log_that_was_dropped_whole_is_found(kept: list[Path]) -> None:
    delete(ONE, 1, 2, 3)
    delete(TWO, 1, 2)
    LedgerChain.objects.filter(name__in=(ONE, TWO)).delete()
    for model in (Tile, LogCheckpoint):
        model.objects.filter(log__namespace=PAYMENTS).delete()
    Log.objects.filter(namespace=PAYMENTS).delete()
    assert verified()[0] == 0
    assert "The whole log localhost:5050/ledger/payments is missing" in verified(*kept)[1]


def test_a_renamed_log_is_found(kept: list[Path]) -> None:
    Log.objects.filter(namespace=PAYMENTS).update(origin="elsewhere/ledger")
    log_anew()
    assert verified()[0] == 0
    assert "The whole log localhost:5050/ledger/payments is missing" in verified(*kept)[1]


def test_a_ledger_under_a_new_key_is_found(kept: list[Path]) -> None:
    new = Ed25519PrivateKey.generate()
    purpose = wrapping_purpose("ledger")
    ServiceKey.objects.filter(purpose="ledger").update(
        public_key=new.public_key().public_bytes_raw(),
        wrapped_private_key=custody.wrap(new.private_bytes_raw(), purpose=purpose),
    )
    key_services._ledger_keys.clear()
    for chain in LedgerChain.objects.values_list("name", flat=True):
        chain_anew(chain)
    log_anew()
    assert verified()[0] == 0
    code, said = verified(*kept)
    assert code == 1
    assert "is not signed with the key of this ledger" in said


def test_every_kept_checkpoint_counts_and_narrows_where_it_happened(kept: list[Path], tmp_path: Path) -> None:
    write(TWO, 2)
    integrate()
    call_command("checkpoint", directory=tmp_path / "later", stderr=io.StringIO())
    late = LedgerEntry.objects.get(chain=TWO, sequence=4)
    delete(TWO, late.sequence)
    chain_anew(TWO)
    write(TWO)
    log_anew()
    assert verified(*kept)[0] == 0, "the earlier one saw nothing of it"
    assert "From leaf 5 to leaf 6" in verified(*kept, tmp_path / "later" / "namespace-payments.checkpoint")[1]


# --- Files that are no checkpoints --------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("content", [None, b"", b"text\n", b"\xff", b"x" * 200_000])
def test_a_file_that_is_no_checkpoint_is_unusable(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        verified(path)
    assert refused.value.returncode == 2
    assert str(path) in str(refused.value)


def test_a_checkpoint_from_elsewhere_is_not_taken_for_ours(kept: list[Path]) -> None:
    ours = open_checkpoint(kept[1].read_bytes(), service_private_key("ledger").public_key().public_bytes_raw())
    kept[1].write_text(sign_checkpoint(ours, Ed25519PrivateKey.generate()), encoding="utf-8")
    code, said = verified(*kept)
    assert (code, "is not signed with the key of this ledger" in said) == (1, True)


def test_a_folder_that_cannot_be_written_is_said(kept: list[Path]) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("checkpoint", directory=kept[0], stderr=io.StringIO())
