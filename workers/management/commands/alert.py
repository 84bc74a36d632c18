"""``manage.py alert FILE``: sign a webhook as PagerDuty would and send it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workers.incident.alerts import signatures


class Command(BaseCommand):
    help = "Send an alert from a file to this installation, signed with the first of ALERT_WEBHOOK_SECRETS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a PagerDuty v3 webhook as JSON")
        parser.add_argument("--url", default=f"{settings.SITE_ROOT}/hooks/alerts/", help="where to send it")
        parser.add_argument("--id", default="", help="tell it as another incident: the incident id to use instead")

    def handle(self, *, file: Path, url: str, id: str, **options: object) -> None:
        if not settings.ALERT_WEBHOOK_SECRETS:
            raise CommandError("Set ALERT_WEBHOOK_SECRETS to the secret of the webhook's subscription.")
        body = with_incident_id(_content(file), id) if id else _content(file)
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


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
