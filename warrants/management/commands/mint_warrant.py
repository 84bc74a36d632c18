"""``manage.py mint_warrant --policy incident-response --incident P1042 --title … --severity critical --service …``"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.custody import CustodyError
from warrants.agents.contracts import INCIDENT_AGENT
from warrants.errors import WarrantError
from warrants.minting.contracts import Order
from warrants.minting.ordering import COMMAND_LINE, order_once


class Command(BaseCommand):
    help = "Mint a warrant for one task and print it. The same incident and policy give the same warrant again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--policy", required=True, help="the policy's name, as /policies/ lists it")
        parser.add_argument("--incident", required=True, help="the incident's id, under which its evidence is found")
        parser.add_argument("--title", required=True)
        parser.add_argument("--severity", required=True, help="one that the policy knows")
        parser.add_argument("--service", required=True)
        parser.add_argument("--namespace", default=settings.TEMPORAL_NAMESPACE, help="where its workflow runs")
        parser.add_argument("--agent", default=INCIDENT_AGENT, help="who holds it")
        parser.add_argument(
            "--barred",
            action="append",
            default=[],
            metavar="PERSON",
            help="who must not approve under it: an external id or an e-mail address; may be given several times",
        )
        parser.add_argument("--idempotency-key", default="", help="for another warrant of the same incident and policy")

    def handle(self, *args: Any, **options: Any) -> None:
        order = Order(
            policy=options["policy"],
            incident_id=options["incident"],
            title=options["title"],
            severity=options["severity"],
            service=options["service"],
            namespace=options["namespace"],
            agent=options["agent"],
            barred_people=tuple(options["barred"]),
        )
        key = options["idempotency_key"] or _key_of(order)
        try:
            warrant, is_new = order_once(order=order, idempotency_key=key, requester=COMMAND_LINE)
        except WarrantError as error:
            raise CommandError(f"{error.field}: {error.sentence}" if error.field else error.sentence) from error
        except CustodyError as error:
            raise CommandError(str(error)) from error
        ends = datetime.fromtimestamp(warrant.expires_at, UTC)
        self.stderr.write(
            f"{warrant.id} was minted {'now' if is_new else 'before'} and ends {ends:%Y-%m-%d %H:%M} UTC."
        )
        self.stdout.write(base64.b64encode(warrant.chain[0]).decode())


def _key_of(order: Order) -> str:
    """Return the same key for the same policy and incident, whose names may be longer than a key, or not ASCII."""
    return hashlib.sha256(json.dumps([order.policy, order.incident_id]).encode()).hexdigest()
