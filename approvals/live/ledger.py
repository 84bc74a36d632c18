"""Every ledger entry is pushed under its own kind, in the transaction that wrote it."""

from __future__ import annotations

from typing import Any

from approvals.live import bus
from approvals.live.events import Event
from approvals.requests.identifiers import is_request_id
from audit.ledger.signals import entry_appended
from audit.models import LedgerEntry
from audit.statements import cbor


def connect() -> None:
    entry_appended.connect(_push, dispatch_uid="approvals.live.ledger")


def _push(entry: LedgerEntry, **_: Any) -> None:
    bus.publish(Event(entry.kind, _request_id(entry), entry.chain_id, entry.sequence, entry.chain.namespace))


def _request_id(entry: LedgerEntry) -> str:
    statement = cbor.decode_loosely(cbor.decode_loosely(bytes(entry.envelope))["statement"])
    request_id = statement["details"].get("request_id")
    # A worker's receipt may claim anything; a notification holds less than 8000 bytes.
    return request_id if isinstance(request_id, str) and is_request_id(request_id) else ""
