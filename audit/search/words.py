"""Words as the index knows them. Pure.

Text is compared in NFKC and case-folded. A word stands between spaces, without the punctuation around it. In reasons
and titles its parts count as well: "payment-service" is found by "service".
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_EDGES = "\"'“”‘’«»()[]{}<>,;:!?.…"
_BETWEEN = re.compile(r"[\W_]+")


def normalised(text: str) -> str:
    """Return ``text`` as it is compared: twice in NFKC, since folding can leave it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words(text: str) -> Iterator[str]:
    """Yield the words between the spaces of ``text``; several times if they are there several times."""
    for piece in normalised(text).split():
        if word := piece.strip(_EDGES):
            yield word


def words_and_parts(text: str) -> Iterator[str]:
    for word in words(text):
        yield word
        yield from (part for part in _BETWEEN.split(word) if part and part != word)


def whole(text: str) -> str:
    """Return a value as a whole: its pieces with one space between them."""
    return " ".join(normalised(text).split())


def leaves(value: Any) -> Iterator[str]:
    """Yield the single values in ``value``, as text: of lists and maps what is in them, of bytes their digits."""
    match value:
        case dict():
            for item in value.values():
                yield from leaves(item)
        case list() | tuple():
            for item in value:
                yield from leaves(item)
        case str():
            yield value
        case bytes():
            yield value.hex()
        case _:
            yield json.dumps(value, default=repr)
