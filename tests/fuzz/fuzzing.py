"""Running a decoder against its inputs for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from tests.fuzz.decoders import Decoder

# Of the processor's time: a busy machine is no finding.
MOST_SECONDS = 1.0


class Finding(AssertionError):
    """An input that broke a decoder. ``number`` makes it again."""

    def __init__(self, decoder: Decoder, number: int, value: Any, reason: str) -> None:
        super().__init__(f"{decoder.name}, input {number}: {reason}\n{repr(value)[:4000]}")


def fuzz(
    decoder: Decoder, *, seconds: float, first: int = 0, also: Callable[[Decoder, Any, bool], object] | None = None
) -> int:
    """Try the inputs ``first``, ``first + 1``, ... for ``seconds``; return how many. Raises ``Finding``.

    ``also`` is told of each, and whether it was accepted.
    """
    make, over_at = decoder.inputs(), time.monotonic() + seconds
    for number in count(first):
        value = make(Random(number))
        began = time.process_time()
        try:
            accepted = decoder.check(value)
            took = time.process_time() - began
            if also is not None:
                also(decoder, value, accepted)
        except Exception as error:
            raise Finding(decoder, number, value, f"{type(error).__name__}: {error}") from error
        if took > MOST_SECONDS:
            raise Finding(decoder, number, value, f"It took {took:.1f} s.")
        if time.monotonic() > over_at:
            return number - first + 1
    raise AssertionError("There is always another number.")
