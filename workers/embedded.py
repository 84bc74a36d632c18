"""One process: web server, relay, workers and, unless an address is given, a Temporal server as its child.

Started in an order in which every part finds what it needs, stopped in the reverse.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import uvloop
from django.conf import settings
from django.db import DatabaseError
from temporalio.client import Client
from temporalio.worker import Worker

from approvals.live import bus
from workers.client import connect, set_shared
from workers.crew import Crew, assemble, build_workers, nonce_store
from workers.development_server import DevelopmentServer
from workers.errors import PartEnded, StartFailed
from workers.export import installation as exports
from workers.gates.errors import UnsafeSettings
from workers.indexing import keep_indexing
from workers.integrating import keep_integrating
from workers.namespaces.registration import registered
from workers.nexus.crew import Shared
from workers.notifier import keep_notifying
from workers.on_call import keep_fetching
from workers.payments.crew import assemble_endpoints
from workers.publications import Publications
from workers.relay import Relay
from workers.revocation import refresh, refresh_keys
from workers.streaming import configured_target, keep_streaming
from workers.supervisor import Supervisor, cancel
from workers.sweeping import keep_schedule
from workers.upkeep import keep_applying, keep_checking, keep_forgetting
from workers.web import WebServer, build_web_server, listen

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
DRAIN_SECONDS = 10.0
WEB_STOP_SECONDS = 8.0

# What runs beside the parts once they are all up; its result is the process's exit code.
Story = Callable[[], Awaitable[int]]


@dataclass(frozen=True)
class Parts:
    """Which parts this process runs."""

    web: bool = True
    workers: bool = True
    relay: bool = True


def run(parts: Parts, *, story: Story | None = None) -> int:
    """Run the process until it is told to stop; return its exit code. Says why if it cannot start or go on."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(parts, story))
    except (StartFailed, PartEnded, UnsafeSettings) as error:
        sys.stderr.write(f"{error}\n")
    except DatabaseError as error:
        sys.stderr.write(f"The database cannot be used ({error}). Is it running, and was manage.py setup run?\n")
    return 1


async def _run(parts: Parts, story: Story | None) -> int:
    supervisor = Supervisor()
    supervisor.handle_signals()
    async with AsyncExitStack() as opened:
        # Ports first: a process that is started twice must fail before it touches anything.
        sockets = listen(settings.LISTEN_HOST, settings.LISTEN_PORT) if parts.web else []
        for bound in sockets:
            opened.callback(bound.close)
        siem = configured_target()
        client = await _connect(opened, supervisor)
        if parts.workers:
            await _require_namespaces(client)
        await bus.start()
        opened.push_async_callback(bus.stop)
        crew = await assemble(client)
        opened.push_async_callback(asyncio.to_thread, crew.receipts.close)
        set_shared(*(guard.clients for guard in crew.guards))
        opened.callback(set_shared, None)
        if parts.workers:
            await _start_workers(opened, supervisor, crew, client)
        if parts.relay:
            opened.push_async_callback(cancel, supervisor.watch("relay", Relay(client).run()))
            opened.push_async_callback(cancel, supervisor.watch("notifier", keep_notifying()))
            opened.push_async_callback(cancel, supervisor.watch("on call elsewhere", keep_fetching()))
            opened.push_async_callback(cancel, supervisor.watch("ledger integrator", keep_integrating()))
            opened.push_async_callback(cancel, supervisor.watch("search index", keep_indexing()))
            if siem is not None:
                opened.push_async_callback(cancel, supervisor.watch("entry stream", keep_streaming(siem)))
            opened.push_async_callback(cancel, supervisor.watch("checks of the ledger", keep_checking()))
            opened.push_async_callback(cancel, supervisor.watch("retention", keep_applying()))
            opened.push_async_callback(cancel, supervisor.watch("notifications' end", keep_forgetting()))
        if parts.web:
            await _start_web(opened, supervisor, sockets)
        if story is not None:
            telling = supervisor.watch("story", _tell(story, supervisor))
            opened.push_async_callback(cancel, telling)
        return await supervisor.wait()


async def _tell(story: Story, supervisor: Supervisor) -> None:
    supervisor.finish(await story())


async def _connect(opened: AsyncExitStack, supervisor: Supervisor) -> Client:
    if settings.TEMPORAL_ADDRESS:
        return await _reach(settings.TEMPORAL_ADDRESS)
    server = opened.enter_context(
        DevelopmentServer(
            port=settings.TEMPORAL_DEVELOPMENT_PORT,
            ui_port=settings.TEMPORAL_DEVELOPMENT_UI_PORT,
            directory=settings.DATA_DIR,
            namespaces=settings.NAMESPACES,
            codec_endpoint=f"{settings.SITE_ROOT}/codec",
        )
    )
    client = await _reach(server.address, server)
    opened.push_async_callback(cancel, supervisor.watch("Temporal development server", _watch(server)))
    return client


async def _reach(address: str, child: DevelopmentServer | None = None) -> Client:
    deadline = asyncio.get_running_loop().time() + CONNECT_SECONDS
    while True:
        try:
            return await connect(address=address)
        except RuntimeError as error:
            if child is not None and child.has_ended:
                raise StartFailed(f"Temporal's development server ended at once. Its log is {child.log}.") from None
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(f"No Temporal server answers at {address} ({error}).") from None
        await asyncio.sleep(0.1)


async def _require_namespaces(client: Client) -> None:
    """Raise ``StartFailed`` for the first served namespace that the server does not have, or not show us."""
    for namespace in settings.NAMESPACES:
        if namespace.served:
            await registered(client, namespace.name, seconds=CONNECT_SECONDS)


async def _watch(server: DevelopmentServer) -> None:
    while not server.has_ended:  # noqa: ASYNC110  a process tells nobody that it ended
        await asyncio.sleep(0.5)


async def _start_workers(opened: AsyncExitStack, supervisor: Supervisor, crew: Crew, client: Client) -> None:
    await exports.check()
    nexus = await assemble_endpoints(client, Shared(crew.receipts, await nonce_store(), crew.policies))
    plugins = [guard.gate_plugin for guard in crew.guards] + [plugin for _, plugin in nexus.gate_plugins]
    publications = Publications(crew.policies, plugins)
    await publications.look()
    workers = {**build_workers(crew), **{f"{one.client.namespace}/{one.task_queue}": one for one in nexus.workers}}
    tasks = [supervisor.watch(f"worker {name}", worker.run()) for name, worker in workers.items()]
    opened.push_async_callback(_drain, list(workers.values()), tasks)
    opened.push_async_callback(cancel, supervisor.watch("revocation", refresh(crew, crew.held_lists)))
    keys = refresh_keys(crew, crew.people_roots)
    opened.push_async_callback(cancel, supervisor.watch("key revocation", keys))
    opened.push_async_callback(cancel, supervisor.watch("published policies", publications.refresh()))
    if nexus.workers:
        behind = refresh(nexus, nexus.held_lists)
        opened.push_async_callback(cancel, supervisor.watch("revocation behind Nexus", behind))
        opened.push_async_callback(
            cancel, supervisor.watch("key revocation behind Nexus", refresh_keys(nexus, crew.people_roots))
        )
    sweeps = keep_schedule(client, every=timedelta(seconds=settings.SWEEP_SECONDS))
    opened.push_async_callback(cancel, supervisor.watch("schedule of sweeps", sweeps))
    if settings.EXPORT_TARGET:
        schedules = exports.keep_schedules(client)
        opened.push_async_callback(cancel, supervisor.watch("schedules of exports", schedules))


async def _drain(workers: Sequence[Worker], tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Let activities under way finish, for a bounded time."""
    stopping = [asyncio.create_task(worker.shutdown()) for worker in workers if worker.is_running]
    _, late = await asyncio.wait([*stopping, *tasks], timeout=DRAIN_SECONDS)
    for task in late:
        logger.error("%s did not stop in %s s and is left behind.", task.get_name(), DRAIN_SECONDS)
        task.cancel()


async def _start_web(opened: AsyncExitStack, supervisor: Supervisor, sockets: list[Any]) -> None:
    server = build_web_server()
    serving = supervisor.watch("web server", server.serve(sockets=sockets))
    opened.push_async_callback(_stop_web, server, serving)
    up = asyncio.create_task(server.is_up.wait())
    await asyncio.wait([up, serving], return_when=asyncio.FIRST_COMPLETED)
    await cancel(up)
    logger.info("Countersign runs at %s", settings.SITE_ROOT)


async def _stop_web(server: WebServer, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    _, late = await asyncio.wait([serving], timeout=WEB_STOP_SECONDS)
    if late:
        server.force_exit = True
        await cancel(serving)
