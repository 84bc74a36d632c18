"""The keys of the index: one for each namespace, and one, of no namespace, for the installation's own chains.

They are no keys of a ring: a rotation would split every word into as many tokens as there are keys.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from audit import custody
from audit.access import Reach
from audit.models import SearchKey
from audit.sealing import Ring
from audit.search.tokens import KEY_BYTES, derived

_SEALING = "search"


def ensure_key(namespace: str) -> bytes:
    """Return the key that makes the tokens of ``namespace``; it is made if there is none. Raises ``CustodyError``."""
    return derived(_secret(namespace, bytes(_ensured(namespace).wrapped_key)), context="tokens")


def keys_within(within: Reach, *, namespace: str = "") -> dict[str, bytes]:
    """Return the keys of the namespaces ``within``, or of the one, as far as something was indexed there."""
    rows = SearchKey.objects.all() if within.everywhere else SearchKey.objects.filter(pk__in=within.namespaces)
    if namespace:
        rows = rows.filter(pk=namespace)
    return {row.pk: derived(_secret(row.pk, bytes(row.wrapped_key)), context="tokens") for row in rows}


def sealing_ring() -> Ring:
    """Return what seals saved searches: a key of the installation, in the form of a ring. Raises ``CustodyError``."""
    secret = _secret("", bytes(_ensured("").wrapped_key))
    return Ring(namespace="", current=_SEALING, keys={_SEALING: derived(secret, context="saved searches")})


def wrapping_purpose(namespace: str) -> str:
    """Return the purpose under which custody wraps the key of ``namespace``."""
    return f"search-key:{namespace}"


def _ensured(namespace: str) -> SearchKey:
    row = SearchKey.objects.filter(pk=namespace).first()
    if row is None:
        wrapped = custody.wrap(secrets.token_bytes(KEY_BYTES), purpose=wrapping_purpose(namespace))
        row, _ = SearchKey.objects.get_or_create(pk=namespace, defaults={"wrapped_key": wrapped})
    return row


@lru_cache(maxsize=1024)
def _secret(namespace: str, wrapped: bytes) -> bytes:
    return custody.unwrap(wrapped, purpose=wrapping_purpose(namespace))
