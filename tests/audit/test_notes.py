"""Signed notes and checkpoints, to the letter of their specification."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.statements import merkle, notes
from audit.statements.notes import Checkpoint, MalformedNote
from tests.config.source import document

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
ORIGIN = "countersign.example.com/ledger/payments"
CHECKPOINT = Checkpoint(ORIGIN, 20852163, hashlib.sha256(b"root").digest())
NOTE = notes.sign_checkpoint(CHECKPOINT, KEY)
# The key and note with which the format was first published: every implementation knows them.
FIRST_NAME = "PeterNeumann"
FIRST_PUBLIC = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
FIRST_PRIVATE = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
FIRST_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def line(signature: bytes = bytes(68), name: str = ORIGIN) -> str:
    return f"— {name} {base64.b64encode(signature).decode()}\n"


def test_the_first_published_note_is_signed_and_verified_as_it_was() -> None:
    assert notes.key_id(FIRST_NAME, FIRST_PUBLIC).hex() == "c74f20a3"
    assert notes.verifier_key(FIRST_NAME, FIRST_PUBLIC) == (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )
    text = FIRST_NOTE.split("\n\n", maxsplit=1)[0] + "\n"
    key = Ed25519PrivateKey.from_private_bytes(FIRST_PRIVATE)
    assert notes.sign(text, name=FIRST_NAME, private_key=key) == FIRST_NOTE
    notes.parse(FIRST_NOTE.encode()).verify(FIRST_NAME, FIRST_PUBLIC)


def test_a_checkpoint_is_built_as_the_specification_says() -> None:
    text = f"{ORIGIN}\n20852163\n{base64.b64encode(CHECKPOINT.root).decode()}\n"
    key_id = hashlib.sha256(ORIGIN.encode() + b"\x0a\x01" + PUBLIC).digest()[:4]
    assert f"{text}\n{line(key_id + KEY.sign(text.encode()))}" == NOTE
    assert notes.open_checkpoint(NOTE.encode(), PUBLIC) == CHECKPOINT


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = notes.sign("one\n\ntwo\n", name="someone", private_key=KEY)
    assert notes.parse(note.encode()).text == "one\n\ntwo\n"


def test_signatures_of_others_are_ignored_but_the_logs_must_be_there_and_right() -> None:
    with_a_witness = NOTE + line(b"abcd" + bytes(72), "witness.example.com/w1")
    same_name, same_id = line(b"abcd" + bytes(64)), line(notes.key_id(ORIGIN, PUBLIC) + bytes(64), "other")
    for note in (with_a_witness, NOTE + same_name, NOTE + same_id):
        assert notes.open_checkpoint(note.encode(), PUBLIC) == CHECKPOINT
    wrong = line(notes.key_id(ORIGIN, PUBLIC) + bytes(64))
    for note in (NOTE + wrong, CHECKPOINT.text() + "\n" + wrong, CHECKPOINT.text() + "\n" + same_name):
        with pytest.raises(MalformedNote) as refused:
            notes.open_checkpoint(note.encode(), PUBLIC)
        assert refused.value.field == "signature"


def test_another_key_another_name_and_another_text_do_not_verify() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    renamed = notes.sign(CHECKPOINT.text(), name="other.example.com/ledger", private_key=KEY)
    for note, key in ((NOTE, other), (renamed, PUBLIC), (NOTE.replace("20852163", "20852162"), PUBLIC)):
        with pytest.raises(MalformedNote):
            notes.open_checkpoint(note.encode(), key)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        "text\n",
        f"text\n{line()}",
        f"\n\n{line()}",
        "text\n\n",
        f"text\n\n{line()}"[:-1],
        f"text\n\n{line()}\n",
        f"text\r\n\n{line()}",
        f"te\txt\n\n{line()}",
        f"text\n\n{line().replace('—', '-')}",
        f"text\n\n{line(name='')}",
        f"text\n\n{line(name='a+b')}",
        f"text\n\n{line(name='a b')}",
        "text\n\n" + line(name="a\u00a0b"),
        f"text\n\n{line(bytes(4))}",
        f"text\n\n— {ORIGIN} AAAA AAAA\n",
        f"text\n\n— {ORIGIN} AAAAAAA\n",
        f"text\n\n— {ORIGIN} AAAAAAB=\n",
        f"text\n\n— {ORIGIN} AAAA_AA=\n",
        f"text\n\n{line() * 65}",
        f"{'x' * notes.MAXIMUM_BYTES}\n\n{line()}",
    ],
)
def test_a_note_in_another_form_is_refused(note: str) -> None:
    with pytest.raises(MalformedNote):
        notes.parse(note.encode())


def test_a_note_that_is_no_text_is_refused() -> None:
    with pytest.raises(MalformedNote):
        notes.parse(b"\xff" + NOTE.encode())


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"{ORIGIN}\n01\n{ROOT}\n",
        f"{ORIGIN}\n-1\n{ROOT}\n",
        f"{ORIGIN}\n+1\n{ROOT}\n",
        f"{ORIGIN}\n1 \n{ROOT}\n",
        f"{ORIGIN}\n\u0661\n{ROOT}\n",
        f"{ORIGIN}\n9223372036854775808\n{ROOT}\n",
        f"{ORIGIN}\n1\n{ROOT[:-4]}\n",
        f"{ORIGIN}\n1\n{ROOT[:-2]}B=\n",
        f"{ORIGIN}\n1\n{ROOT}\n\nmore\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n",
    ],
)
def test_a_checkpoint_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        notes.checkpoint_in(text)


def test_lines_of_others_are_kept() -> None:
    checkpoint = Checkpoint(ORIGIN, 0, bytes(32), ("one", "two"))
    assert notes.open_checkpoint(notes.sign_checkpoint(checkpoint, KEY).encode(), PUBLIC) == checkpoint


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("with space", 1, bytes(32)),
        Checkpoint("two\nlines", 1, bytes(32)),
        Checkpoint(ORIGIN, -1, bytes(32)),
        Checkpoint(ORIGIN, 1, bytes(31)),
        Checkpoint(ORIGIN, 1, bytes(32), ("one\ntwo",)),
    ],
)
def test_what_could_not_be_read_again_is_not_signed(checkpoint: Checkpoint) -> None:
    with pytest.raises(MalformedNote):
        notes.sign_checkpoint(checkpoint, KEY)


@given(place=st.integers(0, len(NOTE.encode()) - 1), value=st.integers(0, 255))
def test_no_changed_byte_goes_unnoticed(place: int, value: int) -> None:
    data = bytearray(NOTE.encode())
    if data[place] != value:
        data[place] = value
        with pytest.raises(MalformedNote):
            notes.open_checkpoint(bytes(data), PUBLIC)


@given(st.binary(max_size=200))
def test_no_bytes_lead_to_another_error(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        notes.open_checkpoint(data, PUBLIC)


def test_the_documented_checkpoint_is_what_the_document_says() -> None:
    text = document("evidence.md")
    note = text[text.index("countersign.example.com/ledger/payments\n") :].split("```")[0]
    key = re.search(r"This one is real: its key is `([0-9a-f]{64})`", text)
    assert key is not None
    root = merkle.root_of([merkle.leaf_hash(bytes([number]) * 32) for number in range(5)])
    assert notes.open_checkpoint(note.encode(), bytes.fromhex(key[1])) == Checkpoint(ORIGIN, 5, root)
