"""Log lines without what agents, models and tools said.

An error's text may quote an argument, a result or a credential. What is encrypted in Temporal's history must not stand
in plaintext in a log, so an error is told by its type, its code and where it was raised; with ``LOG_LEVEL=DEBUG`` in
full.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from audit.keepers.contracts import CustodyError
from audit.sealing import SealingError
from workers.codec.errors import PayloadTooLarge
from workers.errors import PartEnded, StartFailed

WITHHELD = "(text withheld, it may quote a payload; LOG_LEVEL=DEBUG shows it)"
# Their texts are this program's own, the database's or the network's, and quote nothing that is encrypted.
_SPEAKS_FREELY = (
    CustodyError, SealingError, PayloadTooLarge, StartFailed, PartEnded, ImproperlyConfigured, OSError, RPCError,
    OperationalError, InterfaceError,
)  # fmt: skip
# Where the SDK and asyncio write an error's text into the message itself.
_QUOTED = re.compile(r"(original error: |with error of type [^:]*: |Failed [a-z ]+: |exception=)(?!None).*", re.DOTALL)
_QUOTING = ("temporalio.", "asyncio")

ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Writes lines as the settings say, and errors without their text unless ``withholds`` is false."""

    def __init__(self, *, withholds: bool) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")
        self._withholds = withholds

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        if self._withholds and record.name.startswith(_QUOTING):
            record.message = _QUOTED.sub(rf"\1{WITHHELD}", record.message)
        return super().formatMessage(record)

    def formatException(self, ei: ErrorInfo) -> str:  # noqa: N802
        if not self._withholds or ei[1] is None:
            return super().formatException(ei)
        return "\n".join(_told(ei[1]))

    def format(self, record: logging.LogRecord) -> str:
        # Another handler may have left its own text of the error here, and must not get ours.
        kept, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept


def _told(error: BaseException) -> Iterator[str]:
    """Yield the lines that tell ``error`` and its causes, the last one first, as Python does."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _told(cause)
        yield "which led to:"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    yield _named(error)


def _named(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    code = error.type if isinstance(error, ApplicationError) else getattr(error, "code", None)
    named = f"{name} [{code}]" if isinstance(code, str) else name
    return f"{named}: {error if isinstance(error, _SPEAKS_FREELY) else WITHHELD}"
