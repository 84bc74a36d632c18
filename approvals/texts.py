"""Texts from outside, made fit to store: PostgreSQL has no NUL, UTF-8 no lone surrogates."""

from __future__ import annotations

import re

_CUT_MARK = "… (cut here: {} more characters)"
_ROOM_FOR_MARK = 60
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def storable(text: str, maximum: int) -> str:
    """Return ``text`` in at most ``maximum`` characters; where it is cut, a mark says so.

    What was made storable stays as it is when it is made storable again. ``maximum`` is at least 100.
    """
    if len(text) > maximum:
        kept = maximum - _ROOM_FOR_MARK
        text = text[:kept] + _CUT_MARK.format(len(text) - kept)
    return _LONE_SURROGATES.sub("\ufffd", text).replace("\x00", "\u2400")


def is_plain(text: str) -> bool:
    """Whether ``text`` can stand in an address or an identifier: printable, no lone surrogates."""
    return bool(text) and text.isprintable()
