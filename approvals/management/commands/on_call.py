from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.people.addresses import people_by_address
from approvals.on_call.elsewhere.contracts import Schedule
from approvals.on_call.elsewhere.fetching import Fetched, fetch
from approvals.on_call.elsewhere.settings import schedules
from approvals.on_call.elsewhere.wording import sentence


class Command(BaseCommand):
    help = "Fetches the schedules of who is on call elsewhere once, and says what was understood. Keeps nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="a schedule's name in ON_CALL_SCHEDULES; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        named = schedules()
        if options["name"] not in {None, *named} or not named:
            raise CommandError(f"ON_CALL_SCHEDULES names no such schedule; it has: {', '.join(named) or 'none'}.")
        chosen = [one for one in named.values() if options["name"] in (None, one.name)]
        tried = [(one, asyncio.run(fetch(one, timezone.now()))) for one in chosen]
        for schedule, fetched in tried:
            self._say(schedule, fetched)
        if any(fetched.failed for _, fetched in tried):
            raise CommandError("Not every schedule could be fetched.")

    def _say(self, schedule: Schedule, fetched: Fetched) -> None:
        called = f"{schedule.name} ({schedule.kind.label})"
        if fetched.failed is not None:
            self.stdout.write(f"{called}: {sentence(fetched.failed.trouble, fetched.failed.detail)}")
            return
        self.stdout.write(f"{called}: {len(fetched.shifts)} shifts until {fetched.known_until:%Y-%m-%d %H:%M} UTC")
        people = people_by_address(one.email for one in fetched.shifts)
        for one in fetched.shifts:
            person = people.get(one.email.lower())
            who = f"{person} ({person.external_id})" if person else f"{one.name} {one.email}: not known here".strip()
            self.stdout.write(f"  {one.begins:%Y-%m-%d %H:%M} to {one.ends:%Y-%m-%d %H:%M} UTC: {who}")
