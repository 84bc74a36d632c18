"""Step 20: what other chains say of the decisions in this bundle, and of the policies behind them."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit.statements.chains import KEYS_CHAIN, POLICIES_CHAIN, Subject
from audit.statements.evidence import says
from audit.statements.kinds import EntryKind
from audit.verify.publications import check_publication
from audit.verify.reading import Entry
from audit.verify.steps import Step, require

OF_KEYS = frozenset(
    {
        EntryKind.KEY_ENROLLED,
        EntryKind.KEY_ENDORSED,
        EntryKind.KEY_REVOKED,
        EntryKind.PEOPLE_ROOT_ESTABLISHED,
    }
)


@dataclass(frozen=True, slots=True)
class _Decision:
    at_ms: int
    place: str


@dataclass(slots=True)
class Decisions:
    """The first and the last decision that each key signed, in all chains so far."""

    _first: dict[bytes, _Decision] = field(default_factory=dict)
    _last: dict[bytes, _Decision] = field(default_factory=dict)
    _before: tuple[str, int] = ("", 0)

    def add(self, key: bytes, entry: Entry) -> None:
        self._add(key, _Decision(entry.at_ms, f"Entry {entry.sequence} of {entry.chain}"))

    def absorb(self, later: Decisions) -> None:
        """Take the decisions in chains that come later too."""
        for decisions in (later._first, later._last):
            for key, decision in decisions.items():
                self._add(key, decision)

    def _add(self, key: bytes, decision: _Decision) -> None:
        if key not in self._first or decision.at_ms < self._first[key].at_ms:
            self._first[key] = decision
        if key not in self._last or decision.at_ms > self._last[key].at_ms:
            self._last[key] = decision

    def check(self, record: Entry) -> str:
        """Step 20. Return in words what the record says. Raises ``Refused``."""
        place, before = (record.chain, record.sequence), self._before
        self._before = place
        require(
            place > before, Step.RECORDS, "The records are not in the order of their chains and numbers, each once."
        )
        of_keys = record.chain == KEYS_CHAIN and record.kind in OF_KEYS
        of_payloads = record.chain.startswith(f"{Subject.PAYLOADS}.") and record.kind == EntryKind.PAYLOAD_ERASED
        of_policies = record.chain == POLICIES_CHAIN and record.kind == EntryKind.POLICY_PUBLISHED
        kind, chain = record.kind, record.chain
        known = of_keys or of_payloads or of_policies
        require(known, Step.RECORDS, f"{kind!r} of the chain {chain!r} is no record of this.")
        if of_policies:
            return check_publication(record, Step.RECORDS)
        if kind == EntryKind.KEY_ENROLLED:
            return self._check_enrolled(record)
        if kind == EntryKind.KEY_REVOKED:
            return self._check_revoked(record)
        return ""

    def _check_enrolled(self, record: Entry) -> str:
        first = self._first.get(record.details.for_step(Step.RECORDS).data("key", 32))
        if first is None:
            return ""
        require(
            first.at_ms >= record.at_ms,
            Step.RECORDS,
            f"{first.place} decided at {_moment(first.at_ms)} with a key that was enrolled at {_moment(record.at_ms)}.",
        )
        return "enrolled before it decided"

    def _check_revoked(self, record: Entry) -> str:
        last = self._last.get(record.details.for_step(Step.RECORDS).data("key", 32))
        if last is None:
            return ""
        require(
            last.at_ms <= record.at_ms,
            Step.RECORDS,
            f"{last.place} decided at {_moment(last.at_ms)} with a key that was revoked at {_moment(record.at_ms)}.",
        )
        return "revoked after it decided"


def _moment(at_ms: int) -> str:
    return says("", at_ms, {}).strip()
