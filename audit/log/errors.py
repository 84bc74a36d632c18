"""What can go wrong with a log."""

from __future__ import annotations


class LogBroken(Exception):
    """A log is not what its checkpoints say: nothing more is signed. The message is a sentence for people."""

    def __init__(self, origin: str, sentence: str) -> None:
        super().__init__(f"{sentence} Nothing more of {origin} is signed. See: manage.py verify_ledger")


class NotInLog(Exception):
    """An entry has no place in a log yet; it gets one within seconds, if a relay runs."""
