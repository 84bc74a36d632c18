"""Counting a population while it goes by in its order: its size and its roots, in memory that does not grow."""

from __future__ import annotations

from collections import Counter

from audit.statements.merkle import Frontier, leaf_hash
from audit.statements.population import Period, Totals, month_of


class Tally:
    """What went by. The order is that of ``audit.statements.population``."""

    def __init__(self) -> None:
        self.namespaces: Counter[str] = Counter()
        self._whole, self._month, self._of_month = Frontier(), "", Frontier()
        self._periods: list[Period] = []

    @property
    def count(self) -> int:
        return self._whole.size

    def add(self, *, at_ms: int, namespace: str, entry_hash: bytes) -> None:
        """Count one entry. Raises ``ValueError`` for a time after the year 9999."""
        month = month_of(at_ms)
        if month != self._month:
            self._end_month()
            self._month = month
        leaf = leaf_hash(entry_hash)
        self._whole.append(leaf)
        self._of_month.append(leaf)
        self.namespaces[namespace] += 1

    def totals(self) -> Totals:
        """Return what was counted; nothing can be added after."""
        self._end_month()
        return Totals(self._whole.size, tuple(self._periods), self._whole.root())

    def _end_month(self) -> None:
        if self._of_month.size:
            self._periods.append(Period(self._month, self._of_month.size, self._of_month.root()))
            self._of_month = Frontier()
