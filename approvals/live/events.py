"""What is pushed: ids and a kind, never content. Each browser fetches what it may see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class LiveKind(StrEnum):
    """Kinds beside those of the ledger (``audit.statements.kinds``), which are pushed under their own names."""

    REQUEST_VERIFIED = "request.verified"
    REQUEST_CLOSED = "request.closed"
    LOOKING = "request.looking"  # somebody opened its page, or closed it
    DELIVERY_DUE = "delivery.due"  # for the relay
    DELIVERY_SENT = "delivery.sent"
    DELIVERY_FAILED = "delivery.failed"
    READY = "live.ready"  # the first message on a socket: fetch now, and rely on events from here
    MISSED = "live.missed"  # some events may have been lost: fetch again


@dataclass(frozen=True)
class Event:
    """Something changed. ``chain`` is an incident's ledger chain, ``sequence`` the number of its entry, or 0."""

    kind: str
    request_id: str = ""
    chain: str = ""
    sequence: int = 0

    def to_text(self) -> str:
        return json.dumps([self.kind, self.request_id, self.chain, self.sequence], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Event:
        """Return the event in ``text``. Raises ``ValueError`` if there is none."""
        parts = json.loads(text)
        if not isinstance(parts, list) or len(parts) != 4 or not all(isinstance(part, str) for part in parts[:3]):
            raise ValueError("Not a live event.")
        return cls(parts[0], parts[1], parts[2], int(parts[3]))

    @cached_property
    def message(self) -> str:
        """The JSON that browsers get."""
        return json.dumps({"kind": self.kind, "request": self.request_id, "chain": self.chain})
