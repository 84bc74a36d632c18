"""One line of JSON per call: who, what, allowed or refused and why. Never a payload, never a token.

Written by hand and not by ``logging``, whose handlers swallow what cannot be written: here that must be noticed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

_TEXT = 500


@dataclass(slots=True)
class Line:
    """What is known of a call; filled in while it is looked at. ``reason`` is a refusal's code and empty otherwise."""

    method: str
    peer: str = ""
    subject: str = ""
    token_id: str = ""
    namespace: str = ""
    workflow_id: str = ""
    allowed: bool = False
    reason: str = ""
    code: str = ""


class AuditLog:
    """Writes lines to ``file``, or to standard output if that is empty. A file that was moved away is made anew."""

    def __init__(self, file: str) -> None:
        """Raises ``OSError`` if the file cannot be written."""
        self._file = file
        self._descriptor = _open(file) if file else sys.stdout.fileno()
        self.works = True

    def write(self, line: Line, *, started: float) -> None:
        """Write ``line``; ``started`` is when its call came in, on ``time.monotonic``'s clock.

        Afterwards ``works`` says whether it was written.
        """
        fields = {name: value[:_TEXT] if isinstance(value, str) else value for name, value in asdict(line).items()}
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        milliseconds = round((time.monotonic() - started) * 1000, 1)
        written = json.dumps({"at": at, **fields, "milliseconds": milliseconds}) + "\n"
        # Half of the line before may have been written.
        data = (written if self.works else f"\n{written}").encode()
        try:
            self._follow()
            self.works = os.write(self._descriptor, data) == len(data)
        except OSError:
            self.works = False

    def close(self) -> None:
        if self._file:
            os.close(self._descriptor)
            # The number may be another file's from now on.
            self._descriptor = -1

    def _follow(self) -> None:
        """Open the file anew if it was rotated."""
        if self._file and not _is_same(self._file, self._descriptor):
            before, self._descriptor = self._descriptor, _open(self._file)
            os.close(before)


def _open(file: str) -> int:
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_same(file: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(descriptor))
    except FileNotFoundError:
        return False
