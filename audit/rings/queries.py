"""Reading rings."""

from __future__ import annotations

from functools import lru_cache

from django.apps import apps
from django.db import models
from django.db.models.functions import Cast, Substr

from audit import custody
from audit.models import RingKey
from audit.sealing import Ring


class NoRing(LookupError):
    """A namespace has no ring yet; the message says how to make one."""

    def __init__(self, namespace: str) -> None:
        super().__init__(f"Namespace {namespace!r} has no keys to seal with. Make them with: manage.py setup")
        self.namespace = namespace


def ring_of(namespace: str) -> Ring:
    """Return the ring of ``namespace`` as the database has it now, in one query.

    Raises ``NoRing``, or ``CustodyError`` if a key does not open.
    """
    rows = list(RingKey.objects.filter(namespace=namespace).order_by("number"))
    if not rows:
        raise NoRing(namespace)
    kept = [row for row in rows if row.retired_at is None]
    keys = {row.pk: _opened(row.pk, bytes(row.wrapped_key)) for row in kept}
    retired = frozenset(row.pk for row in rows if row.retired_at is not None)
    return Ring(namespace=namespace, current=kept[-1].pk, keys=keys, retired=retired)


def keys_of(namespace: str = "") -> list[RingKey]:
    """Return all keys, retired ones too, by namespace and number; or those of ``namespace``."""
    rows = RingKey.objects.order_by("namespace", "number")
    return list(rows.filter(namespace=namespace) if namespace else rows)


def columns_sealed_with(key_id: str) -> list[str]:
    """Return the columns of this database that hold something sealed with the key, as "table.column"."""
    mark = b"\xff" + bytes([len(key_id)]) + key_id.encode()  # how a sealed column begins
    binary = models.BinaryField()
    return [
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.BinaryField)
        and model._base_manager.annotate(
            beginning=Substr(Cast(field.attname, binary), 1, len(mark), output_field=binary)
        )
        .filter(beginning=mark)
        .exists()
    ]


def wrapping_purpose(key_id: str) -> str:
    """Return the purpose under which custody wraps the ring key ``key_id``."""
    return f"ring-key:{key_id}"


@lru_cache(maxsize=1024)
def _opened(key_id: str, wrapped: bytes) -> bytes:
    return custody.unwrap(wrapped, purpose=wrapping_purpose(key_id))
