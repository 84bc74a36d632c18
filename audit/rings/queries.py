"""Reading rings."""

from __future__ import annotations

from functools import lru_cache

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
    keys = {row.pk: _opened(row.pk, bytes(row.wrapped_key)) for row in rows}
    return Ring(namespace=namespace, current=rows[-1].pk, keys=keys)


def wrapping_purpose(key_id: str) -> str:
    """Return the purpose under which custody wraps the ring key ``key_id``."""
    return f"ring-key:{key_id}"


@lru_cache(maxsize=1024)
def _opened(key_id: str, wrapped: bytes) -> bytes:
    return custody.unwrap(wrapped, purpose=wrapping_purpose(key_id))
