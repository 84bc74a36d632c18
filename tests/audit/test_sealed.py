"""Content at rest: sealed for one column of one row, and worthless anywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model

from audit import custody
from audit.ledger.services import append
from audit.models import Attachment, LedgerChain, LedgerEntry, RingKey
from audit.models.sealed import Sealed
from audit.rings import keeping, queries
from audit.rings.services import rotate
from audit.sealing import NotGenuine, SealingError, UnknownKey
from audit.statements.kinds import EntryKind

pytestmark = pytest.mark.django_db
SECRET = b"CANARY: the customer's name"


def write(chain: str = "tnu_wrt_1", namespace: str = "payments") -> LedgerEntry:
    details = {"tool": "read_logs", "detail": SECRET.decode()}
    with transaction.atomic():
        return append(
            chain=chain,
            kind=EntryKind.CALL_DENIED,
            details=details,
            attachments={"arguments": SECRET, "result": SECRET},
            namespace=namespace,
        )


def stored(row: Model, column: str) -> bytes:
    fresh: Any = type(row)._default_manager.get(pk=row.pk)
    return bytes(fresh.__dict__[column])


def put(row: Model, column: str, data: bytes) -> Any:
    """Write ``data`` into the column as somebody with the database would; return the row as read anew."""
    type(row)._default_manager.filter(pk=row.pk).update(**{column: Sealed(data)})
    return type(row)._default_manager.get(pk=row.pk)


def test_entries_and_attachments_are_ciphertext_in_the_database_and_plain_when_read() -> None:
    entry = write()
    attachment = entry.attachments.get(name="arguments")
    for row, column in ((entry, "envelope"), (attachment, "content")):
        assert SECRET not in stored(row, column)
    assert SECRET in LedgerEntry.objects.get(pk=entry.pk).envelope
    assert attachment.content == SECRET


def test_the_services_own_chains_have_no_ring_and_stay_plain() -> None:
    entry = write(chain="keys", namespace="")
    assert SECRET in stored(entry, "envelope")
    assert not RingKey.objects.exists()


def test_every_changed_byte_is_noticed() -> None:
    attachment = write().attachments.get(name="result")
    data = stored(attachment, "content")
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        row = put(attachment, "content", bytes(changed))
        if position == 0:  # without the mark it counts as written before there was sealing: its digest refuses it
            assert row.content != SECRET
            continue
        with pytest.raises(SealingError) as refused:
            _ = row.content
        assert SECRET.decode() not in str(refused.value)


@pytest.mark.parametrize("length", [1, 2, 3, 18, 40])
def test_a_cut_value_is_refused(length: int) -> None:
    attachment = write().attachments.get(name="result")
    row = put(attachment, "content", stored(attachment, "content")[:length])
    with pytest.raises(SealingError):
        _ = row.content


def test_a_sealed_value_opens_in_no_other_column_row_or_namespace() -> None:
    entry, other = write(), write()
    elsewhere = write(chain="tnu_wrt_2", namespace="billing")
    arguments, result = (entry.attachments.get(name=name) for name in ("arguments", "result"))
    for target in (result, other.attachments.get(name="arguments"), elsewhere.attachments.get(name="arguments")):
        row = put(target, "content", stored(arguments, "content"))
        with pytest.raises(SealingError):
            _ = row.content
    with pytest.raises(NotGenuine):
        _ = put(other, "envelope", stored(entry, "envelope")).envelope


def test_moving_a_chain_to_another_namespace_opens_nothing_there() -> None:
    entry = write()
    write(chain="tnu_wrt_2", namespace="billing")
    LedgerChain.objects.filter(name="tnu_wrt_1").update(namespace="billing")
    with pytest.raises(SealingError):
        _ = LedgerEntry.objects.get(pk=entry.pk).envelope


@pytest.mark.django_db(transaction=True)
def test_after_a_rotation_new_content_has_the_new_key_and_old_content_still_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "SEALS_FOR_SECONDS", 0.0)
    before = write()
    key_id = rotate(namespace="payments", by="test")
    after = write()
    assert key_id.encode() in stored(after, "envelope")
    assert key_id.encode() not in stored(before, "envelope")
    keeping.forget()
    assert {row.content for row in Attachment.objects.select_related("entry__chain")} == {SECRET}


def test_a_key_that_is_gone_is_named() -> None:
    entry = write()
    RingKey.objects.all().delete()
    keeping.forget()
    with pytest.raises(UnknownKey, match="Give this process the whole ring"):
        _ = LedgerEntry.objects.get(pk=entry.pk).envelope


def test_another_key_encryption_key_opens_nothing(settings: Any) -> None:
    entry = write()
    settings.KEY_ENCRYPTION_KEY = "A" * 43 + "="
    keeping.forget()
    queries._opened.cache_clear()
    with pytest.raises(custody.CustodyError, match="KEY_ENCRYPTION_KEY"):
        _ = LedgerEntry.objects.get(pk=entry.pk).envelope


def test_reading_what_this_process_sealed_asks_the_database_for_no_key(django_assert_num_queries: Any) -> None:
    write()
    with django_assert_num_queries(2):
        for entry in LedgerEntry.objects.filter(chain="tnu_wrt_1").prefetch_related("attachments"):
            assert SECRET in entry.envelope
            assert all(attachment.content == SECRET for attachment in entry.attachments.all())


def test_sealed_content_can_be_neither_searched_nor_updated_in_bulk() -> None:
    write()
    with pytest.raises(TypeError, match="sealed"):
        Attachment.objects.filter(content=SECRET).count()
    with pytest.raises(TypeError, match="sealed"):
        Attachment.objects.update(content=SECRET)


@pytest.mark.django_db(transaction=True)
def test_a_ring_whose_making_is_rolled_back_seals_nothing_afterwards() -> None:
    with transaction.atomic():
        write()
        write()
        transaction.set_rollback(True)
    assert not RingKey.objects.exists()
    entry = write()
    keeping.forget()
    assert SECRET in LedgerEntry.objects.get(pk=entry.pk).envelope


def test_a_ring_that_was_rolled_back_to_a_savepoint_seals_nothing_afterwards() -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert not RingKey.objects.exists()
    entry = write()
    keeping.forget()
    assert SECRET in LedgerEntry.objects.get(pk=entry.pk).envelope


def test_sealing_much_in_one_transaction_asks_for_the_ring_once(django_assert_max_num_queries: Any) -> None:
    write()
    with django_assert_max_num_queries(0), transaction.atomic(durable=False, savepoint=False):
        for _ in range(5):
            keeping.ring_to_seal("payments")
