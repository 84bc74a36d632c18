"""A simulated payment ledger: an append-only file, one line for each payment.

Paying is idempotent: the same payment again returns what the book has. Writers of several processes wait for each
other, since nobody may look and write while somebody else does.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from workers.payments.contracts import PaymentRecord


class BookError(Exception):
    """Something the book cannot take, as a sentence."""


class Book:
    """The book kept in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "book.jsonl"

    def pay(self, payment: PaymentRecord) -> PaymentRecord:
        """Write ``payment`` with the time, unless it is there; return it as the book has it.

        Raises ``BookError`` if another payment has its id.
        """
        with self._locked() as file:
            for known in _read(file):
                if known.payment_id == payment.payment_id:
                    return _the_same(known, payment)
            paid = replace(payment, paid_at_ms=time.time_ns() // 1_000_000)
            file.write(json.dumps(asdict(paid)) + "\n")
            file.flush()
            os.fsync(file.fileno())
            return paid

    def payments(self) -> list[PaymentRecord]:
        """Return every payment, oldest first."""
        with self._locked() as file:
            return list(_read(file))

    @contextmanager
    def _locked(self) -> Iterator[IO[str]]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            yield file


def _read(file: IO[str]) -> Iterator[PaymentRecord]:
    for line in file:
        # A line that a killed process did not finish says nothing of a payment: it was not paid.
        if line.endswith("\n"):
            yield PaymentRecord(**json.loads(line))


def _the_same(known: PaymentRecord, payment: PaymentRecord) -> PaymentRecord:
    if replace(payment, paid_at_ms=known.paid_at_ms) != known:
        raise BookError(f"The payment {payment.payment_id} was made already, with other details.")
    return known
