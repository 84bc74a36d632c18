"""``manage.py revoke_warrant tnu_wrt_… --reason "The agent went astray"``, or all of an agent, a policy, …"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.custody import CustodyError
from warrants.errors import WarrantError
from warrants.models import Revocation
from warrants.revocation import queries
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.services import revoke, revoke_all, stop

_BY = "command line"
_LOOK_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Take a warrant, or all live ones of an agent, a policy's version, an issuer or a namespace, back for good. "
        "Running workers refuse their next calls within two seconds; those that do not confirm it are listed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("warrant", nargs="?", help="a warrant's id: tnu_wrt_ and 32 digits, as its page shows it")
        which.add_argument("--agent", metavar="NAME", help="all live warrants of this agent")
        which.add_argument("--policy", metavar="NAME", help="all of this policy's version, with --version-number")
        which.add_argument("--issuer", metavar="NAME", help="all that this issuer's key signed")
        which.add_argument(
            "--namespace", metavar="NAME", help="all of this namespace, and mint none for it until somebody lifts that"
        )
        parser.add_argument(
            "--stop", action="store_true", help="with --agent: mint none for it until somebody lifts that"
        )
        parser.add_argument("--version-number", type=int, metavar="N", help="which version of --policy")
        parser.add_argument("--reason", required=True, help="why; it is recorded and signed")

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        if (options["policy"] is None) != (options["version_number"] is None):
            raise CommandError("--policy and --version-number belong together.")
        if options["stop"] and options["agent"] is None:
            raise CommandError("--stop is for --agent; --namespace stops as well.")
        try:
            taken = _revoke(reason, options)
        except (WarrantError, CustodyError) as error:
            raise CommandError(getattr(error, "sentence", str(error))) from error
        for one in taken:
            self.stdout.write(f"{one.warrant_id} is revoked since {one.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")
        if options["namespace"] or options["stop"]:
            stopped = options["namespace"] or options["agent"]
            self.stdout.write(f"No warrant is minted for {stopped} until that is lifted.")
        self._tell_workers()

    def _tell_workers(self) -> None:
        """Wait for as long as workers have, and list those that have not confirmed the newest list."""
        newest, deadline = queries.newest_list(), time.monotonic() + queries.IN_TIME.total_seconds()
        while newest is not None:
            standings = queries.workers()
            missing = [one for one in standings if one.held.version < newest.version or one.is_silent]
            if missing and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
                continue
            known = len(standings) - len(missing)
            self.stdout.write(f"{known} of {len(standings)} workers confirmed version {newest.version} of the list.")
            for one in missing:
                self.stdout.write(f"NOT CONFIRMED  {describe(one)}")
            return


def describe(standing: queries.WorkerStanding) -> str:
    held = standing.held
    said = f"silent since {held.seen_at:%H:%M:%S} UTC, " if standing.is_silent else ""
    return f"{held.worker} in {held.namespace}: {said}holds version {held.version}"


def _revoke(reason: str, options: dict[str, Any]) -> list[Revocation]:
    if options["warrant"] is not None:
        return [revoke(warrant_id=options["warrant"], reason=reason, revoked_by=_BY)]
    scopes = (Scope.NAMESPACE, Scope.AGENT, Scope.POLICY, Scope.ISSUER)
    scope = next(scope for scope in scopes if options[scope] is not None)
    aim = Aim(scope, options[scope], options["version_number"])
    if scope is Scope.NAMESPACE or options["stop"]:
        return stop(aim=aim, reason=reason, stopped_by=_BY)
    return revoke_all(aim=aim, reason=reason, revoked_by=_BY)
