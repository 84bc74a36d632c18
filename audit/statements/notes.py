"""Signed notes and checkpoints of transparency logs (C2SP signed-note v1, tlog-checkpoint), signed with Ed25519.

note            = text, which ends with a newline || newline || signature lines
signature line  = "— " name " " base64(key id || signature) newline        the dash is U+2014
signature       = pure Ed25519 (RFC 8032) over the text, its last newline included
key id          = first 4 bytes of SHA-256(name || 0A || 01 || public key (32 bytes))
checkpoint text = origin newline size newline base64(root) newline, then any further lines that are not empty

The log's key is named as its origin is. A statement of ``audit.statements.statements`` has a zero byte in what is
signed, and a note has none: neither can be taken for the other, although one key signs both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.merkle import HASH_BYTES
from audit.statements.statements import MalformedStatement, verify_signature

MAXIMUM_BYTES = 128 * 1024
MAXIMUM_SIGNATURES = 64
_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class MalformedNote(ValueError):
    """A note or checkpoint that cannot be read or does not verify.

    ``field`` names what is wrong; the message is a sentence for people.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it was read: only ``verify`` says that it is signed."""

    text: str
    signatures: tuple[Signature, ...]

    def verify(self, name: str, public_key: bytes) -> None:
        """Raise ``MalformedNote`` unless the key of that name signed the text. Signatures of others are ignored."""
        known = [one for one in self.signatures if (one.name, one.key_id) == (name, key_id(name, public_key))]
        if not known:
            raise MalformedNote("signature", f"The note is not signed by the expected key, named {name!r}.")
        for one in known:
            try:
                verify_signature(public_key, one.signature, self.text.encode())
            except MalformedStatement as error:
                raise MalformedNote("signature", f"A signature of {name!r} does not belong to this note.") from error


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says it holds: ``size`` leaves under ``root``, 32 bytes. ``further`` are lines of others."""

    origin: str
    size: int
    root: bytes
    further: tuple[str, ...] = ()

    def text(self) -> str:
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.further)
        return "".join(f"{line}\n" for line in lines)


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the 4 bytes that tell the keys of one name apart."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """Return the key in the form in which tools for signed notes are given it."""
    return f"{name}+{key_id(name, public_key).hex()}+{base64.b64encode(_ED25519 + public_key).decode()}"


def sign(text: str, *, name: str, private_key: Ed25519PrivateKey) -> str:
    """Return the note of ``text``, which ends with a newline, signed. Raises ``MalformedNote``."""
    _require_name(name)
    signature = key_id(name, private_key.public_key().public_bytes_raw()) + private_key.sign(text.encode())
    note = f"{text}\n{_DASH}{name} {base64.b64encode(signature).decode()}\n"
    parse(note.encode())
    return note


def parse(data: bytes) -> Note:
    """Return the note in ``data``. Checks its form only."""
    if len(data) > MAXIMUM_BYTES:
        raise MalformedNote("note", f"The note is longer than {MAXIMUM_BYTES} bytes.")
    try:
        content = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedNote("note", "The note is not text in UTF-8.") from error
    if _CONTROL.search(content):
        raise MalformedNote("note", "The note has a control character other than the newline.")
    text, blank, signatures = content.rpartition("\n\n")
    if not blank or not text:
        raise MalformedNote("note", "The note has no blank line between its text and its signatures.")
    if not signatures.endswith("\n"):
        raise MalformedNote("signature", "The note does not end with a signature line.")
    lines = signatures.removesuffix("\n").split("\n")
    if len(lines) > MAXIMUM_SIGNATURES:
        raise MalformedNote("signature", f"The note has more than {MAXIMUM_SIGNATURES} signatures.")
    return Note(f"{text}\n", tuple(_signature(line) for line in lines))


def sign_checkpoint(checkpoint: Checkpoint, private_key: Ed25519PrivateKey) -> str:
    """Return the signed note of ``checkpoint``. Raises ``MalformedNote``."""
    note = sign(checkpoint.text(), name=checkpoint.origin, private_key=private_key)
    if checkpoint_in(checkpoint.text()) != checkpoint:
        raise MalformedNote("checkpoint", "The checkpoint has a line that cannot be written.")
    return note


def open_checkpoint(data: bytes, public_key: bytes) -> Checkpoint:
    """Return the checkpoint in the note ``data``, signed by its log, whose key is ``public_key``.

    Raises ``MalformedNote``.
    """
    note = parse(data)
    checkpoint = checkpoint_in(note.text)
    note.verify(checkpoint.origin, public_key)
    return checkpoint


def checkpoint_in(text: str) -> Checkpoint:
    """Return the checkpoint that the text of a note is. Raises ``MalformedNote``."""
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) < 3 or not all(lines):
        raise MalformedNote("checkpoint", "A checkpoint has three lines or more, none of them empty.")
    origin, size, root, *further = lines
    if not _SIZE.fullmatch(size) or int(size) >= 2**63:
        raise MalformedNote("size", "The second line of a checkpoint is not a number of leaves.")
    return Checkpoint(origin, int(size), _base64("root", root, HASH_BYTES), tuple(further))


def _signature(line: str) -> Signature:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2:
        raise MalformedNote("signature", "A signature line is not a dash, a name and a signature.")
    name, encoded = parts
    _require_name(name)
    data = _base64("signature", encoded)
    if len(data) <= _KEY_ID_BYTES:
        raise MalformedNote("signature", "A signature line holds no signature.")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _require_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise MalformedNote("name", "The name of a key is empty, or has a space or a plus sign.")


def _base64(field: str, text: str, length: int | None = None) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNote(field, f"The {field} is not base64.") from error
    # One form for each value: bits that count for nothing are zero.
    if base64.b64encode(data).decode() != text:
        raise MalformedNote(field, f"The {field} is not in base64's one proper form.")
    if length is not None and len(data) != length:
        raise MalformedNote(field, f"The {field} is not {length} bytes long.")
    return data
