"""The process under test: Countersign's one process, with the measured agents running in it.

Started by ``bench.site``; everything it needs is in the environment. It writes one line to its
output when it is ready, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack

import django
from django.core.management import call_command
from temporalio.worker import Worker


async def _story() -> int:
    from bench import agents
    from workers.client import shared, with_plugins
    from workers.crew import load_keys, worker_name
    from workers.database import in_thread
    from workers.gates.keys import MemoryKeyResolver
    from workers.gates.receipts import ReceiptWriter
    from workers.gates.setup import build_plugins
    from workers.nonces import DatabaseNonceStore
    from workers.people_roots import pinned_roots
    from workers.receipts import DatabaseReceiptSink
    from workers.revocation import refresh_keys
    from workers.supervisor import cancel

    keys = await in_thread(load_keys)
    sink, roots = DatabaseReceiptSink(), pinned_roots()
    guarded = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys=keys.holders,
        trusted_roots=keys.roots,
        receipts=ReceiptWriter(sink=sink, signing_key=keys.receipts, worker=worker_name()),
        nonces=DatabaseNonceStore(),
        people_roots=roots,
    )
    plain = shared().plain
    clients = {
        agents.FLOOR_QUEUE: plain,
        agents.TENUO_QUEUE: with_plugins(plain, [_tenuo_alone(keys, MemoryKeyResolver(keys.holders))]),
        agents.GUARDED_QUEUE: with_plugins(plain, list(guarded)),
    }
    async with AsyncExitStack() as running:
        for task_queue, client in clients.items():
            await running.enter_async_context(
                Worker(client, task_queue=task_queue, workflows=agents.WORKFLOWS, activities=agents.ACTIVITIES)
            )
        await running.enter_async_context(
            Worker(plain, task_queue=agents.ELSEWHERE_QUEUE, activities=agents.ACTIVITIES)
        )
        refreshing = asyncio.create_task(refresh_keys(guarded[1], roots))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        await cancel(refreshing)
    sink.close()
    return 0


def _tenuo_alone(keys, resolver):  # type: ignore[no-untyped-def]
    """Tenuo's plugin without Countersign's, and without receipts: what our plugin's cost is added to."""
    import tenuo_core
    from tenuo.temporal import InMemoryPopDedupStore, TenuoPluginConfig
    from tenuo.temporal_plugin import TenuoTemporalPlugin

    from bench import agents

    class _NoReceipts:
        def emit_for_enforcement(self, *args: object, **kwargs: object) -> None:
            return

    return TenuoTemporalPlugin(
        TenuoPluginConfig(
            key_resolver=resolver,
            trusted_roots=[tenuo_core.PublicKey.from_bytes(root) for root in keys.roots],
            activity_fns=agents.ACTIVITIES,
            control_plane=_NoReceipts(),
            strict_mode=True,
            pop_dedup_store=InMemoryPopDedupStore(),
        )
    )


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    call_command("setup", verbosity=0)
    from workers.embedded import Parts, run

    return run(Parts(), story=_story)


if __name__ == "__main__":
    sys.exit(main())
