"""Sealing with a ring: what opens, what does not, and how the error says it."""

from __future__ import annotations

import pytest

from audit.sealing import NotGenuine, Ring, UnknownKey, seal, unseal

OLD, NEW = b"o" * 32, b"n" * 32
RING = Ring(namespace="prd", current="new", keys={"old": OLD, "new": NEW})


def test_what_was_sealed_opens_also_after_a_rotation() -> None:
    before = Ring(namespace="prd", current="old", keys={"old": OLD})
    key_id, sealed = seal(before, b"secret", context=b"column")
    assert key_id == "old"
    assert b"secret" not in sealed
    assert unseal(RING, key_id, sealed, context=b"column") == b"secret"
    assert seal(RING, b"secret", context=b"column")[0] == "new"


def test_the_same_text_is_sealed_differently_every_time() -> None:
    assert seal(RING, b"secret", context=b"column") != seal(RING, b"secret", context=b"column")


@pytest.mark.parametrize(
    ("namespace", "key_id", "context"),
    [("stg", "new", b"column"), ("prd", "old", b"column"), ("prd", "new", b"another column")],
)
def test_it_opens_nowhere_else(namespace: str, key_id: str, context: bytes) -> None:
    _, sealed = seal(RING, b"secret", context=b"column")
    elsewhere = Ring(namespace=namespace, current="new", keys=RING.keys)
    with pytest.raises(NotGenuine) as caught:
        unseal(elsewhere, key_id, sealed, context=context)
    assert "secret" not in str(caught.value)


def test_every_changed_byte_is_noticed() -> None:
    _, sealed = seal(RING, b"secret", context=b"column")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(NotGenuine):
            unseal(RING, "new", bytes(changed), context=b"column")
    for length in range(len(sealed)):
        with pytest.raises(NotGenuine):
            unseal(RING, "new", sealed[:length], context=b"column")


def test_a_key_that_is_not_in_the_ring_is_named() -> None:
    with pytest.raises(UnknownKey, match="'gone'"):
        unseal(RING, "gone", b"x" * 40, context=b"column")
    with pytest.raises(UnknownKey):
        Ring(namespace="prd", current="gone", keys={"new": NEW})


def test_a_ring_shows_no_key() -> None:
    assert "nnnn" not in repr(RING)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ring(namespace="prd", current="short", keys={"short": b"x" * 16})
