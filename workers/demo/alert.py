"""Sending the demo's alert the way monitoring does: a signed webhook to the site itself."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import httpx
from django.conf import settings
from django.urls import reverse

from workers.errors import StartFailed
from workers.incident.alerts import signatures


def read(path: Path, *, incident: str = "") -> tuple[str, bytes]:
    """Return the alert in ``path`` under a new incident id, or under ``incident``: (id, body)."""
    try:
        alert = json.loads(path.read_text())
        incident = incident or f"P{secrets.token_hex(4).upper()}"
        alert["event"]["data"]["id"] = incident
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartFailed(f"{path} is not a PagerDuty webhook that can be read ({error}).") from None
    return incident, json.dumps(alert).encode()


async def send(body: bytes) -> str:
    """Post the webhook. Return what is wrong in a sentence, or nothing."""
    headers = {
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(body, settings.ALERT_WEBHOOK_SECRETS[0]),
    }
    async with httpx.AsyncClient(timeout=30) as http:
        response = await http.post(settings.SITE_ROOT + reverse("hooks:alerts"), content=body, headers=headers)
    if response.is_success:
        return ""
    return f"The alert was refused with status {response.status_code}: {response.text[:300]}"
