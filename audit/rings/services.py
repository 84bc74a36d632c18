"""Making the keys of rings."""

from __future__ import annotations

import secrets

from django.db import transaction

from audit import custody
from audit.ledger.services import append
from audit.models import RingKey
from audit.rings.queries import wrapping_purpose
from audit.sealing import KEY_BYTES
from audit.statements.kinds import EntryKind

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
