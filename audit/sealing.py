"""Sealing bytes with a namespace's ring of keys. Pure: workers anywhere, and tools without Django, use the same.

    sealed = nonce (12 bytes) || AES-256-GCM(plaintext), 16 bytes of tag at the end
    additional data = "countersign-sealed-v1" || length-prefixed key id, namespace, context

The context says what the bytes are (a payload, a column of a row), so that one sealed value cannot stand in for
another. Key ids are no secret; they travel beside what they sealed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_LABEL = b"countersign-sealed-v1"


class SealingError(Exception):
    """Bytes cannot be sealed or opened; the message says what to do and holds nothing of them."""


class UnknownKey(SealingError):
    """The ring has no key of that id (any more)."""

    def __init__(self, *, key_id: str, namespace: str) -> None:
        super().__init__(
            f"The ring of namespace {namespace!r} has no key {key_id!r}. Give this process the whole ring, with the "
            "old keys that retention still needs."
        )
        self.key_id, self.namespace = key_id, namespace


class RetiredKey(UnknownKey):
    """The key was retired: what it sealed opens nowhere any more."""

    def __init__(self, *, key_id: str, namespace: str) -> None:
        SealingError.__init__(
            self,
            f"Key {key_id!r} of namespace {namespace!r} was retired, so what it sealed stays closed. A backup of the "
            "database from before opens it, if it must be read; otherwise terminate the workflow that needs it.",
        )
        self.key_id, self.namespace = key_id, namespace


class NotGenuine(SealingError):
    """The bytes were changed, or sealed for another namespace or as something else."""

    def __init__(self, *, key_id: str, namespace: str) -> None:
        super().__init__(
            f"What key {key_id!r} of namespace {namespace!r} is said to have sealed does not open: it was changed, or "
            "belongs somewhere else."
        )
        self.key_id, self.namespace = key_id, namespace


@dataclass(frozen=True, slots=True)
class Ring:
    """A namespace's keys, 32 bytes each, by id. ``current`` seals; the others still open what they sealed.

    ``retired`` names keys that are gone for good.
    """

    namespace: str
    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    retired: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise UnknownKey(key_id=self.current, namespace=self.namespace)
        if any(len(key) != KEY_BYTES for key in self.keys.values()):
            raise ValueError(f"A key of a ring has {KEY_BYTES} bytes.")


def seal(ring: Ring, plaintext: bytes, *, context: bytes) -> tuple[str, bytes]:
    """Return the id of the ring's current key and ``plaintext`` sealed with it as ``context``."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    additional = _additional_data(ring.current, ring.namespace, context)
    return ring.current, nonce + AESGCM(ring.keys[ring.current]).encrypt(nonce, plaintext, additional)


def unseal(ring: Ring, key_id: str, sealed: bytes, *, context: bytes) -> bytes:
    """Return what ``seal`` sealed. Raises ``UnknownKey`` (``RetiredKey``, too) and ``NotGenuine``."""
    key = ring.keys.get(key_id)
    if key_id in ring.retired:
        raise RetiredKey(key_id=key_id, namespace=ring.namespace)
    if key is None:
        raise UnknownKey(key_id=key_id, namespace=ring.namespace)
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise NotGenuine(key_id=key_id, namespace=ring.namespace)
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, _additional_data(key_id, ring.namespace, context))
    except InvalidTag:
        raise NotGenuine(key_id=key_id, namespace=ring.namespace) from None


def _additional_data(key_id: str, namespace: str, context: bytes) -> bytes:
    parts = (key_id.encode(), namespace.encode(), context)
    return _LABEL + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
