"""What can go wrong when the ledger is written."""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger refuses; the message is a sentence for people."""


class OutsideTransaction(LedgerError):
    """An entry was appended outside a transaction, so that the fact and its record could come apart."""

    def __init__(self) -> None:
        super().__init__("Append to the ledger inside transaction.atomic, together with the fact it records.")
