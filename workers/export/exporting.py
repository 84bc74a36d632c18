"""Exporting closed histories, window by window, each run exactly once.

What is exported next follows from the archive and the ledger alone, so it does not matter where an export was cut off,
or how often, or whether a window's hour passed while nothing ran:

1. The ledger says which manifest was the newest. Manifests after it were written by an export that was cut off
   before the ledger knew: each is checked against the server, and recorded.
2. The next window begins where the last one ended. What the server lists as closed up to its end, and no manifest
   knows, is stored, oldest first; then a manifest lists it. The server's list lags behind and its clocks differ, so
   that list begins long before the window: whatever came late is in this manifest.
3. A manifest is written under the next number only if there is none. If another export was faster, begin again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from workers.database import in_thread
from workers.export import histories, ledger, manifests
from workers.export.archives import Archive, Shelf
from workers.export.chain import Chain
from workers.export.contracts import EXPORT_ACTIVITY, ExportOrder, ExportReport, Progress
from workers.export.errors import ExportError, ForeignContent, HistoryUnusable, NotInArchive
from workers.export.manifests import Entry, Gone, Manifest, Window
from workers.export.reading import ClosedRun, Server

logger = logging.getLogger(__name__)

WINDOW = timedelta(hours=1)
# How late a closed run may become visible, or how wrong a server's clock be, and still be found the next hour. Once
# a day everything that the server still has is looked through, however late it came.
LOOK_BACK = timedelta(hours=24)
AT_ONCE = 8
BEAT_SECONDS = 2.0


class Exporter:
    """Exports to ``archive``, kept for ``retention``. ``client`` needs no codec, and its own is not used."""

    def __init__(
        self,
        client: Client,
        archive: Archive,
        *,
        retention: timedelta,
        window: timedelta = WINDOW,
        maximum_runs: int = manifests.MAXIMUM_RUNS,
    ) -> None:
        self._client, self._archive, self._retention = client, archive, retention
        self._window, self._maximum_runs = window, maximum_runs

    @activity.defn(name=EXPORT_ACTIVITY)
    async def export(self, order: ExportOrder) -> ExportReport:
        """Export everything of ``order`` that is not exported yet."""
        try:
            return await self._export(order)
        except ExportError as error:
            logger.error("Histories of %s are not exported: %s It is tried again.", order.namespace, error)
            raise ApplicationError(str(error), type=error.code) from None
        except RPCError as error:
            logger.error("Histories of %s are not exported: %s It is tried again.", order.namespace, error.message)
            raise

    async def _export(self, order: ExportOrder) -> ExportReport:
        until = manifests.floor(datetime.fromisoformat(order.until), self._window)
        progress = _last_progress()
        async with _beating(progress):
            shelf = Shelf(self._archive, order.namespace)
            server = Server(self._client, order.namespace)
            run = _Export(server, shelf, Chain(shelf), progress, self)
            return await run.upto(until)

    @property
    def terms(self) -> tuple[timedelta, timedelta, int]:
        """Return retention, a window's length and how many runs one manifest lists at most."""
        return self._retention, self._window, self._maximum_runs


class _Export:
    """One namespace's export under way."""

    def __init__(self, server: Server, shelf: Shelf, chain: Chain, progress: Progress, exporter: Exporter) -> None:
        self._server, self._shelf, self._chain, self._progress = server, shelf, chain, progress
        self._retention, self._length, self._maximum_runs = exporter.terms
        self._report = ExportReport()

    async def upto(self, until: datetime) -> ExportReport:
        head = await self._head(until)
        while True:
            window = await self._next(head, until)
            if window is None:
                return self._report
            head = await self._advance(head, window, until)

    # --- 1. Where the archive stands ----------------------------------------------------------

    async def _head(self, until: datetime) -> Manifest | None:
        """Return the newest manifest, all up to it being recorded."""
        head = await asyncio.to_thread(self._chain.at, await in_thread(ledger.recorded, self._server.namespace))
        while (following := await asyncio.to_thread(self._chain.after, head)) is not None:
            await self._confirm(following, until)
            await in_thread(ledger.record, following)
            head = following
        return head

    async def _confirm(self, manifest: Manifest, until: datetime) -> None:
        """Raise ``ForeignContent`` unless an export of ours would have written ``manifest``."""
        place = f"{manifest.namespace}/{manifest.name}"
        if manifest.kind != manifests.WINDOW or manifest.window is None:
            raise ForeignContent(
                f"{place} is an import that the ledger does not know. If yours was cut off, repeat it."
            )
        if manifest.window.end - manifest.window.start != self._length or manifest.window.end > until:
            raise ForeignContent(f"{place} is about a time that no export of this installation is about.")
        for entry in manifest.runs:
            await asyncio.to_thread(self._chain.check, entry)
            content = await self._server.object_of(entry.workflow_id, entry.run_id)
            stored = await asyncio.to_thread(self._shelf.get, manifests.object_name(entry.object))
            if content is not None and histories.unpacked(content) != histories.unpacked(stored):
                raise ForeignContent(f"{place} lists run {entry.run_id} with another history than the server has.")
        for gone in manifest.gone:
            if await self._server.object_of(gone.workflow_id, gone.run_id) is not None:
                raise ForeignContent(f"{place} says that run {gone.run_id} was deleted, and the server has it.")

    # --- 2. What comes next ---------------------------------------------------------------------

    async def _next(self, head: Manifest | None, until: datetime) -> Window | None:
        """Return the window to export next, not complete yet; None if all up to ``until`` are exported."""
        if head is None or head.window is None:
            start = await self._server.first_close(before=until, step=self._length)
        else:
            start = head.window.end if head.window.is_complete else head.window.start
        window = Window(start, start + self._length, is_complete=False)
        return window if window.end <= until else None

    async def _fresh(self, head: Manifest | None, window: Window) -> list[ClosedRun]:
        """Return what was closed before the window's end and no manifest knows, oldest first."""
        listed = await self._server.closed(since=_since(head, window), before=window.end)
        if not listed:
            return []
        oldest = min(run.closed_at for run in listed)
        known = await asyncio.to_thread(partial(self._chain.known, head, since=oldest))
        fresh = {run.run_id: run for run in listed if run.run_id not in known}
        return sorted(fresh.values(), key=lambda run: (run.closed_at, run.run_id))

    # --- 3. Storing it -----------------------------------------------------------------------

    async def _advance(self, head: Manifest | None, window: Window, until: datetime) -> Manifest | None:
        """Write the next manifest of ``window`` and return it; or what another export wrote instead."""
        fresh = await self._fresh(head, window)
        batch = fresh[: self._maximum_runs]
        self._expect(head)
        runs, gone = await self._store(batch, retain_until=window.end + self._retention)
        manifest = manifests.next_window(
            head,
            namespace=self._server.namespace,
            window=Window(window.start, window.end, is_complete=len(batch) == len(fresh)),
            runs=runs,
            gone=gone,
        )
        try:
            await asyncio.to_thread(
                self._shelf.put_same, manifest.name, manifest.to_bytes(), retain_until=window.end + self._retention
            )
        except ForeignContent:
            # Another export may have been faster. What it wrote is confirmed, or the reason given why it cannot be.
            return await self._head(until)
        await in_thread(ledger.record, manifest)
        self._report = ExportReport(self._report.manifests + 1, self._report.runs + len(runs))
        return manifest

    def _expect(self, head: Manifest | None) -> None:
        number = head.number + 1 if head else 1
        if self._progress.number != number:
            self._progress.number, self._progress.stored = number, {}

    async def _store(
        self, batch: list[ClosedRun], *, retain_until: datetime
    ) -> tuple[tuple[Entry, ...], tuple[Gone, ...]]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def store(run: ClosedRun) -> Entry | Gone:
            async with turn:
                return await self._store_one(run, retain_until)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(store(run)) for run in batch]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        stored = [task.result() for task in tasks]
        runs = tuple(one for one in stored if isinstance(one, Entry))
        return runs, tuple(one for one in stored if isinstance(one, Gone))

    async def _store_one(self, run: ClosedRun, retain_until: datetime) -> Entry | Gone:
        content = await self._stored_before(run) or await self._server.object_of(run.workflow_id, run.run_id)
        if content is None:
            logger.error("Run %s of %r was deleted before it was exported.", run.run_id, run.workflow_id)
            return Gone(run.workflow_id, run.run_id, run.closed_at)
        facts = histories.facts_of(histories.read_one(content))
        if (facts.workflow_id, facts.run_id) != (run.workflow_id, run.run_id):
            raise HistoryUnusable(
                f"The history of run {run.run_id} of {run.workflow_id!r} calls itself run {facts.run_id} of "
                f"{facts.workflow_id!r}."
            )
        digest = histories.digest_of(content)
        if run.run_id not in self._progress.stored:
            await asyncio.to_thread(
                self._shelf.put_same, manifests.object_name(digest), content, retain_until=retain_until
            )
            self._progress.stored[run.run_id] = digest
        return Entry.about(facts, content)

    async def _stored_before(self, run: ClosedRun) -> bytes | None:
        """Return what an earlier attempt stored of ``run``, if it did."""
        digest = self._progress.stored.get(run.run_id)
        if digest is None:
            return None
        try:
            content = await asyncio.to_thread(self._shelf.get, manifests.object_name(digest))
        except NotInArchive:
            content = b""
        if histories.digest_of(content) == digest:
            return content
        del self._progress.stored[run.run_id]
        return None


def _since(head: Manifest | None, window: Window) -> datetime | None:
    """Return from when on closed runs are listed for ``window``; None for all that the server still has."""
    if head is None or head.window is None:
        return None
    is_first_of_day = manifests.floor(window.start, timedelta(days=1)) == window.start
    return None if is_first_of_day else window.start - LOOK_BACK


def _last_progress() -> Progress:
    """Return what the attempt before this one said last."""
    details = activity.info().heartbeat_details
    if not details or not isinstance(details[0], dict):
        return Progress()
    number, stored = details[0].get("number"), details[0].get("stored")
    return Progress(number, stored) if isinstance(number, int) and isinstance(stored, dict) else Progress()


@asynccontextmanager
async def _beating(progress: Progress) -> AsyncIterator[None]:
    """Say every few seconds how far it got, also while one call to the archive takes long."""

    async def beat() -> None:
        while True:
            activity.heartbeat(progress)
            await asyncio.sleep(BEAT_SECONDS)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
