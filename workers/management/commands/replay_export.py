"""``manage.py replay_export WORKFLOW_ID``: show from the archive how a run decided, and that the code still does."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.errors import StartFailed
from workers.export import installation
from workers.export.archives import Shelf, open_archive
from workers.export.errors import ExportError
from workers.export.replaying import Found, converter_for, find, replay
from workers.export.telling import Unreadable, tell
from workers.narration import one_line


class Command(BaseCommand):
    help = (
        "Tell from the archive what a run's model was asked and answered, who decided what and why, and what came of "
        "each call; then run today's workflow code on it. Exit code 1 if the code does something else now."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow_id", help="the workflow whose run to show: the one that was closed last")
        parser.add_argument("--run", default="", help="the id of another of its runs")
        parser.add_argument("--namespace", default="", help="where it ran, if not in TEMPORAL_NAMESPACE")
        parser.add_argument("--target", default="", help="another archive than EXPORT_TARGET")

    def handle(self, *, workflow_id: str, run: str, namespace: str, target: str, **options: Any) -> None:
        place = namespace or settings.TEMPORAL_NAMESPACE
        try:
            archive = open_archive(target) if target else installation.archive()
            found = find(Shelf(archive, place), workflow_id, run)
            diverged = asyncio.run(self._show(found, place))
        except (ExportError, Unreadable, StartFailed) as error:
            raise CommandError(str(error)) from None
        if diverged:
            self.stderr.write(f"The workflow code has changed since and does something else now: {one_line(diverged)}")
            sys.exit(1)
        self.stdout.write("Today's workflow code does the same again with this history.")

    async def _show(self, found: Found, namespace: str) -> str:
        run = found.entry
        self.stdout.write(f"{one_line(run.workflow_id)} ({one_line(run.type)}), run {run.run_id}: {run.status}")
        self.stdout.write(f"Object {run.object}, {run.bytes} bytes, unchanged since it was exported.")
        async for told in tell(found.history, converter_for(namespace, run.workflow_id)):
            self.stdout.write(f"  {told}")
        return await replay(found, namespace)
