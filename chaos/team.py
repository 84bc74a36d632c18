"""A guarded worker of an agent team, as a process of its own: ``python -m chaos.team``."""

from __future__ import annotations

import asyncio
import os
import sys

import django


async def _work() -> int:
    from temporalio.worker import Worker

    from chaos import agents
    from workers.client import shared, with_plugins
    from workers.crew import STICKY, load_keys, worker_name
    from workers.database import in_thread
    from workers.gates.receipts import ReceiptWriter
    from workers.gates.setup import build_plugins
    from workers.nonces import DatabaseNonceStore
    from workers.people_roots import pinned_roots
    from workers.receipts import DatabaseReceiptSink
    from workers.revocation import held_list, refresh, refresh_keys

    keys = await in_thread(load_keys)
    roots = pinned_roots()
    plugins = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys=keys.holders,
        trusted_roots=keys.roots,
        receipts=ReceiptWriter(sink=DatabaseReceiptSink(), signing_key=keys.receipts, worker=worker_name()),
        nonces=DatabaseNonceStore(),
        people_roots=roots,
    )
    plain = shared().plain
    worker = Worker(
        with_plugins(plain, list(plugins)),
        task_queue=agents.TASK_QUEUE,
        workflows=agents.WORKFLOWS,
        activities=agents.ACTIVITIES,
        sticky_queue_schedule_to_start_timeout=STICKY,
    )
    await asyncio.gather(
        worker.run(),
        refresh(plugins[1], lambda: [held_list(plugins[1], plain.namespace)]),
        refresh_keys(plugins[1], roots),
    )
    return 0


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from workers.embedded import Parts, run

    return run(Parts(web=False, workers=False, relay=False), story=_work)


if __name__ == "__main__":
    sys.exit(main())
