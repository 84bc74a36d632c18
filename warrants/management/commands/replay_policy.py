"""``manage.py replay_policy incident-response --number 3 --days 14``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.access import Everywhere
from audit.ledger.wording import readable
from warrants.errors import WarrantError
from warrants.policies.queries import text_of
from warrants.policies.rules import parse_policy
from warrants.simulation.replaying import LONGEST_DAYS, MAXIMUM_CALLS, MAXIMUM_SECONDS, Change, Replay, replay
from warrants.simulation.services import version_of


class Command(BaseCommand):
    help = (
        "Say what a version would have made of the calls of the last days, and list those that it would have decided "
        f"otherwise. It looks at the newest {MAXIMUM_CALLS:,}, for {MAXIMUM_SECONDS:.0f} seconds at most."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the policy's name, as /policies/ lists it")
        parser.add_argument("--number", type=int, help="a version in any state; otherwise the one that is in force")
        parser.add_argument("--days", type=int, default=14, choices=range(1, LONGEST_DAYS + 1), metavar="DAYS")
        parser.add_argument("--every-policy", action="store_true", help="calls under other policies too")
        parser.add_argument("--before", type=int, help="go on where the answer before ended, as it said")

    def handle(self, *args: Any, name: str, number: int | None, days: int, **options: Any) -> None:
        try:
            policy = parse_policy(text_of(name) if number is None else version_of(name, number).text)
        except WarrantError as error:
            raise CommandError(str(error)) from error
        done = replay(
            policy,
            days=days,
            within=Everywhere(),
            content=Everywhere(),
            every_policy=options["every_policy"],
            before=options["before"],
        )
        for change in done.changes:
            self.stdout.write(_line(change))
        for line in _told(done):
            self.stdout.write(line)


def _line(change: Change) -> str:
    # As JSON, in which no text of an agent's can move the cursor or end the line.
    arguments = readable(change.arguments)
    return f"{change.at:%Y-%m-%d %H:%M:%S} {change.was} -> {change.would_be}  {readable(change.tool)} {arguments}"


def _told(done: Replay) -> list[str]:
    lines = [done.sentence]
    if done.closed:
        lines.append(f"{done.closed} could not be looked at: what was called was erased, or does not open here.")
    if done.older is None:
        lines.append(f"Looked at all {done.recorded} recorded decisions.")
    else:
        lines.append(
            f"Looked at the newest {done.looked_at} of {done.recorded} recorded decisions; "
            f"go on with --before {done.older}."
        )
    return lines
