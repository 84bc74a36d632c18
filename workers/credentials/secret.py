"""A secret in memory. Nothing but ``reveal`` gives its text away, and only for as long as it is in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

HIDDEN = "<secret>"
_MAXIMUM_CAUSES = 20


class SecretGone(RuntimeError):
    """The secret was asked for after its ``async with`` block had ended."""


class Secret:
    """Text that has no representation: none that is printed, formatted, copied, pickled or serialised holds it."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text: str | None = text

    def reveal(self) -> str:
        """Return the text, for the request that needs it. Raises ``SecretGone`` once it was forgotten."""
        if self.__text is None:
            raise SecretGone("This secret was forgotten when its block ended. Fetch it again where it is needed.")
        return self.__text

    def forget(self) -> None:
        self.__text = None

    def is_in(self, error: BaseException) -> bool:
        """Whether the text stands in what ``error``, or anything that led to it, says of itself."""
        return bool(self.__text) and any(self.__text in said for said in _said(error) if self.__text)

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __getstate__(self) -> NoReturn:
        raise TypeError("A secret is never serialised. Fetch it inside the activity that needs it.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.__getstate__()


def _said(error: BaseException) -> Iterator[str]:
    """Yield the texts of ``error``, of its causes and of what it groups."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _MAXIMUM_CAUSES:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield from (str(one), repr(one), repr(getattr(one, "details", "")), repr(getattr(one, "__notes__", "")))
        waiting += [other for other in (one.__cause__, one.__context__) if other is not None]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
