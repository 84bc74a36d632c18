"""Planted words, and the search for them in whatever form somebody may have left them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload

from workers.export import histories


def planted(*places: str) -> dict[str, str]:
    """Return a word for each place that is nowhere else."""
    return {place: f"CANARY-{place}-{secrets.token_hex(6)}" for place in places}


def forms(secret: str) -> list[bytes]:
    """Return ``secret`` as it is, in hexadecimal, and what every base64 of something with it inside holds."""
    data = secret.encode()
    found = [data, data.hex().encode()]
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data)
        # The first and last characters also depend on what stands around it.
        inside = whole[-(-before * 4 // 3) : -4]
        found += [inside, inside.replace(b"+", b"-").replace(b"/", b"_")]
    return found


def hits(words: Mapping[str, str], data: bytes) -> list[str]:
    """Return the places whose words are in ``data``."""
    return [place for place, word in words.items() if any(form in data for form in forms(word))]


def hits_in_files(words: Mapping[str, str], directory: Path, *, but: Iterable[str]) -> dict[str, list[str]]:
    """Return what every file below ``directory`` holds, unpacked; those whose names match ``but`` are left out."""
    found = {}
    for path in directory.rglob("*"):
        if any(path.match(pattern) for pattern in but) or not path.is_file():
            continue
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # a running database's journal
        found[str(path.relative_to(directory))] = hits(words, histories.unpacked(content))
    return found


def payloads_of(message: Message) -> Iterator[Payload]:
    """Yield every payload in ``message``, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inside = list(value.values())
        else:
            inside = list(value) if field.is_repeated else [value]
        for one in inside:
            if isinstance(one, Message):
                yield from payloads_of(one)
