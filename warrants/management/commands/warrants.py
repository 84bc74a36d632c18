"""``manage.py warrants``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from warrants.management.commands.revoke_warrant import describe
from warrants.revocation import queries


class Command(BaseCommand):
    help = (
        "List the live warrants, the namespaces and agents that are stopped, and the workers that lack the newest list."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now, found = timezone.now(), queries.live_warrants()
        for one in found:
            row = one.warrant
            minutes = max(0, int((row.expires_at - now).total_seconds() // 60))
            self.stdout.write(
                f"{row.pk}  {row.namespace}  {row.incident_id}  {row.agent.name}  {row.policy_name} "
                f"{row.policy_version}  issuer {row.issuer.name}  {minutes} min left  {one.allowed} calls, "
                f"{one.denied} denied"
            )
        self.stdout.write(f"{len(found)} live.")
        for stop in queries.stops():
            self.stdout.write(f"STOPPED  {stop.scope} {stop.name}: by {stop.stopped_by}, {stop.reason}")
        standings = queries.workers()
        for standing in queries.late(standings):
            self.stdout.write(f"NOT CONFIRMED  {describe(standing)}")
        newest = queries.newest_list()
        if newest is not None:
            known = len(standings) - len(queries.late(standings))
            self.stdout.write(f"{known} of {len(standings)} workers hold version {newest.version} of the list.")
