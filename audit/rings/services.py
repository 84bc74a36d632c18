"""Making the keys of rings."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from audit import custody
from audit.ledger.services import append
from audit.models import RingKey
from audit.rings.queries import columns_sealed_with, wrapping_purpose
from audit.sealing import KEY_BYTES
from audit.statements.kinds import EntryKind


class CannotRetire(Exception):
    """A key is still needed, or there is none; the message says by what, and what to do."""


# Until no process seals with the key before, however long it remembers a ring.
SETTLED = timedelta(minutes=5)
# The chain of everything about rings; its entries name the namespace.
CHAIN = "rings"


@transaction.atomic
def ensure_ring(*, namespace: str) -> None:
    """Make the first key of ``namespace``'s ring if there is none. Two processes at once end with one key.

    Raises ``CustodyError`` if keys cannot be stored.
    """
    if not RingKey.objects.filter(namespace=namespace).exists():
        _make(namespace, number=1, by="setup")


@transaction.atomic
def rotate(*, namespace: str, by: str) -> str:
    """Make a new key that seals from now on, and return its id; the older ones go on opening what they sealed.

    ``by`` says who asked, as text: an external id, or "command line".
    """
    newest = RingKey.objects.select_for_update().filter(namespace=namespace).order_by("-number").first()
    return _make(namespace, number=newest.number + 1 if newest else 1, by=by)


@transaction.atomic
def retire(*, namespace: str, key_id: str, by: str, needed_by: Sequence[str] = (), reason: str = "") -> None:
    """Destroy a key for good: what it sealed opens nowhere any more. Its row stays, and the ledger says who and why.

    ``needed_by``: who still needs it, as sentences; then only with a ``reason``. What is in this database is never
    given up. Raises ``CannotRetire``.
    """
    row = RingKey.objects.select_for_update().filter(pk=key_id, namespace=namespace).first()
    if row is None:
        raise CannotRetire(f"The ring of {namespace!r} has no key {key_id!r}. See: manage.py rings")
    if row.retired_at is not None:
        raise CannotRetire(f"Key {key_id!r} was retired at {row.retired_at:%Y-%m-%d %H:%M} UTC already.")
    newer = RingKey.objects.filter(namespace=namespace, number__gt=row.number, retired_at=None)
    if not newer.exists():
        raise CannotRetire(f"Key {key_id!r} seals now. First: manage.py rotate_ring {namespace}")
    if not newer.filter(created_at__lt=timezone.now() - SETTLED).exists():
        raise CannotRetire(
            f"Processes may seal with key {key_id!r} still: it was rotated less than 5 minutes ago. Wait."
        )
    columns = columns_sealed_with(key_id)
    if columns:
        raise CannotRetire(f"What this database keeps is sealed with it ({', '.join(columns)}), so it stays.")
    if needed_by and not reason.strip():
        raise CannotRetire(" ".join([*needed_by, "Wait, or give up what it sealed with: --force --reason TEXT"]))
    row.wrapped_key, row.retired_at = b"", timezone.now()
    row.save(update_fields=["wrapped_key", "retired_at"])
    details = {"by": by, "key": row.pk, "namespace": namespace, "needed_by": list(needed_by), "reason": reason}
    append(chain=CHAIN, kind=EntryKind.RING_KEY_RETIRED, details=details)


@transaction.atomic
def record_export(*, namespace: str, key_ids: Sequence[str], by: str) -> None:
    """Say in the ledger that the ring left this installation."""
    details = {"by": by, "keys": list(key_ids), "namespace": namespace}
    append(chain=CHAIN, kind=EntryKind.RING_EXPORTED, details=details)


def _make(namespace: str, *, number: int, by: str) -> str:
    key_id = secrets.token_hex(8)
    wrapped = custody.wrap(secrets.token_bytes(KEY_BYTES), purpose=wrapping_purpose(key_id))
    row, is_new = RingKey.objects.get_or_create(
        namespace=namespace, number=number, defaults={"id": key_id, "wrapped_key": wrapped}
    )
    if is_new:
        details = {"by": by, "key": row.pk, "namespace": namespace, "number": number}
        append(chain=CHAIN, kind=EntryKind.RING_KEY_MADE, details=details)
    return row.pk
