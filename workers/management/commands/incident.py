"""``manage.py incident P1042``: an incident's tree in the terminal; with ``--follow``, live until its run is over."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.access import Everywhere
from audit.ledger.queries import UNREADABLE, find_chain, tree
from audit.models import LedgerChain
from audit.statements.kinds import EntryKind
from workers.database import TRANSIENT, with_database
from workers.narration import branches, one_line, tell
from workers.narrator import told_after

EVERY_SECONDS = 1.0
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Show an incident: every call, request and decision, in order. What agents said is left to the pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("incident", help="the incident's id, such as P1042, or its root warrant's id")
        parser.add_argument(
            "--follow", action="store_true", help="go on with what happens, until the run is over or Ctrl-C"
        )

    def handle(self, *args: Any, incident: str, follow: bool, **options: Any) -> None:
        try:
            chain = find_chain(incident).name
            self._in_colour = self.stdout.isatty() and not os.environ.get("NO_COLOR")
            size, is_over = self._show(chain)
            if follow and not is_over:
                self._follow(chain, size)
        except LedgerChain.DoesNotExist as error:
            raise CommandError(f"There is no incident {incident!r}. The page /incidents/ lists them.") from error
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None

    def _show(self, chain: str) -> tuple[int, bool]:
        """Write the tree; return how many entries it has, and whether the incident's run is over."""
        found = tree(chain, within=Everywhere(), content=None)
        card = found.card
        head = " · ".join(text for text in (card.severity, card.service, found.agent, card.status) if text)
        self.stdout.write(one_line(f"{card.label or chain}  {card.title}"))
        self.stdout.write(one_line(head))
        for line in branches(found):
            self.stdout.write(f"  {line}")
        for gap in found.gaps:
            self.stdout.write(f"  MISSING  {one_line(gap)}")
        self.stdout.write(f"Each line with its proof: {settings.SITE_ROOT}/incidents/{chain}/")
        self.stdout.write(f"Check it: manage.py export_receipts {chain} --output FILE; python -m audit.verify FILE …")
        return len(found.lines), any(line.kind == EntryKind.RUN_COMPLETED for line in found.lines)

    def _follow(self, chain: str, size: int) -> None:
        self.stdout.write("Following. Ctrl-C ends it, and changes nothing.")
        is_away = False
        while True:
            self.stdout.flush()
            try:
                fresh = with_database(told_after)(chain, size)
            except TRANSIENT:
                if not is_away:
                    self.stdout.write("The database does not answer; what happens meanwhile is shown when it does.")
                is_away, fresh = True, []
            except UNREADABLE as error:
                raise CommandError(f"An entry after {size} cannot be read. {error}") from error
            else:
                is_away = False
            for told in fresh:
                size = told.sequence
                line = tell(told.kind, told.details, signer=told.signer, site=settings.SITE_ROOT)
                if line is not None:
                    self.stdout.write(line.render(in_colour=self._in_colour))
            if any(told.kind == EntryKind.RUN_COMPLETED for told in fresh):
                self._show(chain)
                return
            time.sleep(EVERY_SECONDS)
