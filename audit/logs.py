"""Keeping what agents, their calls and their models said out of the logs."""

from __future__ import annotations

import copy
import logging
import traceback
from types import TracebackType
from typing import Any

import psycopg
from django.db import OperationalError

# Sentences of ours, or of what we run on, about ids, addresses and files; nothing of a payload.
_PLAIN_MODULES = ("accounts.", "approvals.", "audit.", "config.", "warrants.", "workers.", "temporalio.service")
_PLAIN = (OSError, OperationalError, psycopg.OperationalError)


class Formatter(logging.Formatter):
    """Leaves out what an exception says where that may be content; its type and where it came from stay.

    Temporal's SDK logs every failed activity with what it raised, which is an answer to the agent. Django does so with
    whatever a view did not expect, and a database with the values that it refuses.
    """

    def format(self, record: logging.LogRecord) -> str:
        own = copy.copy(record)
        own.exc_text = None  # another handler's formatter may have left its own
        return super().format(own)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        error: BaseException | None = ei[1]
        chain: list[BaseException] = []
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(_told(link, link.__traceback__) for link in reversed(chain))


def _told(error: BaseException, frames: TracebackType | None) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    is_plain = name.startswith(_PLAIN_MODULES) or isinstance(error, _PLAIN)
    said = f": {error}" if is_plain and str(error) else ""
    return "".join(traceback.format_tb(frames)) + name + said
