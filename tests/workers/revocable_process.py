"""``python -m tests.workers.revocable_process NAME``: a guarded worker whose agent looks until it is refused.

It mints itself a warrant of the agent NAME, and writes one line for each thing that happens: ``looks`` when the first
call of a run ran, and for each run that ended ``{"at": seconds since 1970, "refused": why, "run": number}``. It begins
another run, beside those that go on, whenever a line comes in: under a new warrant if that says ``fresh``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from functools import partial
from itertools import count
from typing import Any

import django


def mint_for(agent: str) -> Any:
    from accounts.models import ApproverKey
    from tests.warrants.conftest import INCIDENT, approver_key
    from warrants.agents.services import ensure_agent
    from warrants.minting.services import mint

    key = ApproverKey.objects.filter(person__username=f"approver-of-{agent}").first()
    key = key or approver_key(f"approver-of-{agent}")
    return mint(policy="incident-response", incident=INCIDENT, agent=ensure_agent(name=agent), approvers=[key])


async def work(name: str) -> int:
    from temporalio.worker import Worker
    from tenuo.temporal import start_workflow_authorized
    from tenuo_core import Warrant

    from tests.workers.looking import Looking, read_logs
    from workers.client import shared, with_plugins
    from workers.crew import load_keys, worker_name
    from workers.database import in_thread
    from workers.gates.receipts import ReceiptWriter
    from workers.gates.setup import build_plugins
    from workers.nonces import DatabaseNonceStore
    from workers.receipts import DatabaseReceiptSink
    from workers.revocation import held_list, refresh

    minted = await in_thread(mint_for, name)
    task_queue = f"looking-{minted.id}"  # other tests have the same server
    keys = await in_thread(load_keys)
    plain = shared().plain
    tenuo_plugin, gate_plugin = build_plugins(
        activities=[read_logs],
        holder_keys=keys.holders,
        trusted_roots=keys.roots,
        roots_number=keys.roots_number,
        receipts=ReceiptWriter(sink=DatabaseReceiptSink(), signing_key=keys.receipts, worker=worker_name()),
        nonces=DatabaseNonceStore(),
    )
    guarded = with_plugins(plain, [tenuo_plugin, gate_plugin])
    worker = Worker(guarded, task_queue=task_queue, workflows=[Looking], activities=[read_logs])
    asyncio.create_task(refresh(gate_plugin, lambda: [held_list(gate_plugin, plain.namespace)]))  # noqa: RUF006

    async def look(number: int) -> None:
        handle = await start_workflow_authorized(
            client=guarded,
            client_interceptor=tenuo_plugin.client_interceptor,
            workflow_run_fn=Looking.run,
            args=["payment-service-prod"],
            warrant=Warrant.from_bytes(minted.chain[0]),
            key_id=minted.key_id,
            workflow_id=f"{task_queue}-{number}",
            task_queue=task_queue,
        )
        ended = asyncio.create_task(handle.result())
        while not ended.done() and not await handle.query(Looking.looked):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if not ended.done():
            print("looks", flush=True)
        print(json.dumps({"refused": await ended, "at": time.time(), "run": number}), flush=True)

    async with worker, asyncio.TaskGroup() as runs:
        for number in count(1):
            runs.create_task(look(number))
            if await asyncio.to_thread(sys.stdin.readline) == "fresh\n":
                minted = await in_thread(mint_for, name)
    return 0


def main(name: str) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from workers.embedded import Parts, run

    return run(Parts(web=False, workers=False, relay=False), story=partial(work, name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
