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
    CLAIMED = "request.claimed"  # somebody claimed it, or gave it back
    DELIVERY_DUE = "delivery.due"  # for the relay
    DELIVERY_SENT = "delivery.sent"
    DELIVERY_FAILED = "delivery.failed"
    NOTIFICATION_DUE = "notification.due"  # for the notifier
    NOTIFIED = "request.notified"  # an attempt to tell somebody of it has ended
    ACCESS_CHANGED = "access.changed"  # for one person's sockets: ask anew what they may see
    READY = "live.ready"  # the first message on a socket: fetch now, and rely on events from here
    MISSED = "live.missed"  # some events may have been lost: fetch again


@dataclass(frozen=True)
class Event:
    """Something changed. ``chain`` is an incident's ledger chain, ``sequence`` the number of its entry, or 0.

    Only people who may see ``namespace`` hear of it; empty, those who see everything.
    """

    kind: str
    request_id: str = ""
    chain: str = ""
    sequence: int = 0
    namespace: str = ""

    def to_text(self) -> str:
        return json.dumps(
            [self.kind, self.request_id, self.chain, self.sequence, self.namespace], separators=(",", ":")
        )

    @classmethod
    def from_text(cls, text: str) -> Event:
        """Return the event in ``text``. Raises ``ValueError`` if there is none."""
        parts = json.loads(text)
        if not isinstance(parts, list) or len(parts) != 5:
            raise ValueError("Not a live event.")
        kind, request_id, chain, sequence, namespace = parts
        texts = (kind, request_id, chain, namespace)
        if not all(isinstance(part, str) for part in texts) or type(sequence) is not int:
            raise ValueError("Not a live event.")
        return cls(kind, request_id, chain, sequence, namespace)

    @cached_property
    def message(self) -> str:
        """The JSON that browsers get."""
        return json.dumps({"kind": self.kind, "request": self.request_id, "chain": self.chain})
