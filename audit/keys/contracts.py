"""What the service's keys are for."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """The roles that the issuer's root key endorses."""

    LEDGER = "ledger"
    RECEIPTS = "receipts"


class ServiceKeyMissing(Exception):
    """No key has been made for a purpose yet; the message says how to make it."""

    def __init__(self, purpose: str) -> None:
        super().__init__(f"There is no {purpose} key yet. Make it with audit.keys.services.ensure_service_key.")
