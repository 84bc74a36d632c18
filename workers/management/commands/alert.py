"""``manage.py alert FILE``: sign a webhook as PagerDuty would and send it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workers.incident.alerts import signatures
from workers.incident.alerts.people import ON_BEHALF_OF, RAISED_BY


class Command(BaseCommand):
    help = "Send an alert from a file to this installation, signed with the first of ALERT_WEBHOOK_SECRETS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a PagerDuty v3 webhook as JSON")
        parser.add_argument("--url", default=f"{settings.SITE_ROOT}/hooks/alerts/", help="where to send it")
        parser.add_argument("--id", default="", help="tell it as another incident: the incident id to use instead")
        for option, who in (("--raised-by", "who raised the alert"), ("--on-behalf-of", "for whom the agent acts")):
            parser.add_argument(
                option,
                action="append",
                default=[],
                metavar="PERSON",
                help=f"{who}, and so approves nothing of it: an e-mail address or external id; repeatable",
            )

    def handle(
        self, *, file: Path, url: str, id: str, raised_by: list[str], on_behalf_of: list[str], **options: object
    ) -> None:
        if not settings.ALERT_WEBHOOK_SECRETS:
            raise CommandError("Set ALERT_WEBHOOK_SECRETS to the secret of the webhook's subscription.")
        body = with_incident_id(_content(file), id) if id else _content(file)
        for field, people in ((RAISED_BY, raised_by), (ON_BEHALF_OF, on_behalf_of)):
            body = with_people(body, field, people) if people else body
        headers = {
            "Content-Type": "application/json",
            signatures.HEADER: signatures.sign(body, settings.ALERT_WEBHOOK_SECRETS[0]),
        }
        try:
            response = httpx.post(url, content=body, headers=headers, timeout=30)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandError(f"{url} cannot be reached ({type(error).__name__}). Is Countersign running?") from None
        if response.status_code != 202:
            raise CommandError(f"{url} answered {response.status_code}: {response.text[:1000]}")
        self.stdout.write(response.text)


def with_incident_id(body: bytes, incident_id: str) -> bytes:
    """Return the webhook ``body`` telling of ``incident_id``. Raises ``CommandError``."""
    try:
        webhook = json.loads(body)
        webhook["event"]["data"]["id"] = incident_id
    except (ValueError, KeyError, TypeError):
        raise CommandError("The file holds no webhook with event.data: leave out --id, or mend the file.") from None
    return json.dumps(webhook).encode()


def with_people(body: bytes, field: str, people: list[str]) -> bytes:
    """Return the webhook ``body`` with ``people`` in its ``custom_details``. Raises ``CommandError``."""
    try:
        webhook = json.loads(body)
        data = webhook["event"]["data"]
        data["custom_details"] = {**(data.get("custom_details") or {}), field: people}
    except (ValueError, KeyError, TypeError, AttributeError):
        option = f"--{field.replace('_', '-')}"
        sentence = f"The file holds no webhook with event.data: leave out {option}, or mend the file."
        raise CommandError(sentence) from None
    return json.dumps(webhook).encode()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
