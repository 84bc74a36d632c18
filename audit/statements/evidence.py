"""The evidence file "countersign-evidence-v1": JSON Lines, one ledger entry a line, a signed checkpoint last.

    entry line      {"attachments": {name: {"content": base64, "salt": base64} | null}, "entry": base64 of the
                     signed envelope, "format", "kind", "sequence"}
    checkpoint line {"checkpoint": base64 of the signed envelope, "format"}

An attachment is null when its content was erased. "kind" and "sequence" repeat what the envelope says, for
people who search the file. Every line is JSON in one form only: keys sorted, no spaces, ASCII, one newline.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

FORMAT = "countersign-evidence-v1"
ENTRY_LINE_FIELDS = {"attachments", "entry", "format", "kind", "sequence"}
CHECKPOINT_LINE_FIELDS = {"checkpoint", "format"}


def entry_line(
    *, envelope: bytes, kind: str, sequence: int, attachments: Mapping[str, tuple[bytes, bytes] | None]
) -> bytes:
    """Return one entry's line; ``attachments`` maps names to (salt, content), or to None where erased."""
    stored = {
        name: None if pair is None else {"content": text_of(pair[1]), "salt": text_of(pair[0])}
        for name, pair in attachments.items()
    }
    return json_line(
        {"attachments": stored, "entry": text_of(envelope), "format": FORMAT, "kind": kind, "sequence": sequence}
    )


def checkpoint_line(envelope: bytes) -> bytes:
    """Return the last line."""
    return json_line({"checkpoint": text_of(envelope), "format": FORMAT})


def json_line(value: object) -> bytes:
    """Return ``value`` in the only form that a line may have, newline included."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
