"""``python -m tests.audit.streaming_process ENTRIES``: a process that writes entries and streams, to be killed."""

from __future__ import annotations

import asyncio
import os
import sys

import django


def write(count: int) -> None:
    from django.db import transaction

    from audit.keys.contracts import Purpose
    from audit.keys.services import ensure_service_key
    from audit.ledger.services import append
    from audit.log.services import integrate
    from audit.models import LedgerEntry
    from audit.statements.kinds import EntryKind

    ensure_service_key(purpose=Purpose.LEDGER)
    with transaction.atomic():
        for number in range(LedgerEntry.objects.count(), count):
            append(chain="keys", kind=EntryKind.KEY_REVOKED, details={"person": f"person {number}"})
    integrate()


async def stream() -> None:
    from workers import streaming

    # So that the next process need not wait for what takes most of a minute.
    streaming.LEASE_SECONDS = 0.3
    target = streaming.configured_target()
    assert target is not None
    await streaming.keep_streaming(target, batch=BATCH, every=0.05)


BATCH = 7

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    write(int(sys.argv[1]))
    asyncio.run(stream())
