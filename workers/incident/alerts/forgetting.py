"""Letting go of an alert's words when the ledger removes its incident."""

from __future__ import annotations

from typing import Any

from audit.ledger.signals import evidence_removed
from workers.models import Incident


def connect() -> None:
    evidence_removed.connect(_forget, dispatch_uid="workers.incident.alerts.forgetting")


def _forget(chain: str, **_: Any) -> None:
    Incident.objects.filter(warrant_id=chain).update(title="")
