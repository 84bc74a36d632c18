"""``manage.py rotate_root announce root-2``, then ``switch root-2``, then ``retire root``"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.custody import CustodyError
from warrants.errors import UnknownIssuer, WarrantError
from warrants.issuers import queries, rotation
from warrants.issuers.contracts import Step
from warrants.issuers.preview import preview, unready_workers
from warrants.models import IssuerKey
from warrants.revocation.queries import IN_TIME, workers

_BY = "command line"
_LOOK_SECONDS = 0.2
_NEXT = {
    Step.ANNOUNCE: "Next: have its fingerprint compared, then: rotate_root switch {0}",
    Step.SWITCH: "Next: when the last warrant of the issuer before has expired: rotate_root retire NAME",
    Step.RETIRE: "Auditors still need its key for what it signed: --root {1}",
}


class Command(BaseCommand):
    help = (
        "Let another root follow, without restarting a worker: announce it, switch to it, retire the one before. "
        "Each step says first what it would break; --dry-run does no more than that."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=[step.value for step in Step])
        parser.add_argument("name", help="the issuer that the step is about; the first one is named root")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done and what would break")
        parser.add_argument("--anyway", metavar="REASON", default="", help="go on although something breaks; recorded")
        parser.add_argument(
            "--kms-key-id", metavar="ARN", default="", help="where KMS keeps keys: the new issuer's key"
        )

    def handle(self, *args: Any, step: str, name: str, dry_run: bool, **options: Any) -> None:
        self._say_what_it_does(Step(step), name)
        if dry_run:
            self.stdout.write("Nothing was changed.")
            return
        try:
            issuer = _take(Step(step), name, options)
        except (WarrantError, CustodyError) as error:
            raise CommandError(getattr(error, "sentence", str(error))) from error
        root = bytes(issuer.public_key).hex()
        self.stdout.write(f"{name} is {issuer.state}: {root}, with the fingerprint {queries.fingerprint(issuer)}")
        self._tell_workers()
        self.stdout.write(_NEXT[Step(step)].format(name, root))

    def _say_what_it_does(self, step: Step, name: str) -> None:
        issuer = IssuerKey.objects.filter(name=name).first() if name.isprintable() else None
        if issuer is None and step is not Step.ANNOUNCE:
            raise CommandError(UnknownIssuer(name=name).sentence)
        for finding in preview(step, issuer):
            self.stdout.write(f"{'BREAKS' if finding.breaks else '      '}  {finding.sentence}")

    def _tell_workers(self) -> None:
        """Wait for as long as workers have, and list those that have not confirmed the newest set."""
        deadline = time.monotonic() + IN_TIME.total_seconds()
        while unready_workers() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        missing, newest = unready_workers(), queries.newest_set()
        number, known = newest.number if newest else 0, len(workers()) - len(missing)
        self.stdout.write(f"{known} of {len(workers())} workers confirmed set {number} of the trusted roots.")
        for held in missing:
            self.stdout.write(f"NOT CONFIRMED  {held.worker} in {held.namespace}: holds set {held.roots}")


def _take(step: Step, name: str, options: dict[str, Any]) -> IssuerKey:
    if step is Step.ANNOUNCE:
        return rotation.announce(name=name, announced_by=_BY, kms_key_id=options["kms_key_id"])
    if step is Step.SWITCH:
        return rotation.switch(name=name, switched_by=_BY, anyway_because=options["anyway"])
    return rotation.retire(name=name, retired_by=_BY, anyway_because=options["anyway"])
