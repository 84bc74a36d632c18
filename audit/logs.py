"""Keeping what agents, their calls and their models said out of the logs, unless LOG_LEVEL is DEBUG."""

from __future__ import annotations

import copy
import logging
import re
import traceback
from types import TracebackType
from typing import Any

import psycopg
from django.db import OperationalError

# Sentences of ours, or of what we run on, about ids, addresses and files; nothing of a payload.
_PLAIN_MODULES = ("accounts.", "approvals.", "audit.", "config.", "warrants.", "workers.", "temporalio.service")
_PLAIN = (OSError, OperationalError, psycopg.OperationalError)
# Where Temporal's SDK and asyncio write what an exception says into the message itself.
_QUOTED = re.compile(r"(original error: |with error of type [^:]*: |Failed [a-z ]+: |exception=)(?!None).*", re.DOTALL)
_QUOTING = ("temporalio.", "asyncio")
_WITHHELD = r"\1(withheld; LOG_LEVEL=DEBUG shows it)"


class Formatter(logging.Formatter):
    """Leaves out what an exception says where that may be content; its type and where it came from stay.

    Temporal's SDK logs every failed activity with what it raised, which is an answer to the agent. Django does so with
    whatever a view did not expect, and a database with the values that it refuses.
    """

    def __init__(self, *arguments: Any, withholds: bool = True, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._withholds = withholds

    def format(self, record: logging.LogRecord) -> str:
        own = copy.copy(record)
        own.exc_text = None  # another handler's formatter may have left its own
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        if self._withholds and record.name.startswith(_QUOTING):
            record.message = _QUOTED.sub(_WITHHELD, record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        if not self._withholds:
            return super().formatException(ei)
        error: BaseException | None = ei[1]
        chain: list[BaseException] = []
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(_told(link, link.__traceback__) for link in reversed(chain))


def _told(error: BaseException, frames: TracebackType | None) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    is_plain = name.startswith(_PLAIN_MODULES) or isinstance(error, _PLAIN)
    code = getattr(error, "type", None)  # of temporalio's ApplicationError
    said = f": {error}" if is_plain and str(error) else f" [{code}]" if isinstance(code, str) else ""
    return "".join(traceback.format_tb(frames)) + name + said
