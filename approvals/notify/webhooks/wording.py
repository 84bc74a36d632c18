"""A notice as the JSON of a webhook: ids, names and numbers, nothing that an agent said or a call holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings

from approvals.notify.contracts import Deciding, Job, Notice

VERSION = 1


def message_id(job: Job) -> str:
    """Return the id of ``job``, the same whenever it is sent, and no other installation's."""
    return f"msg_{uuid5(NAMESPACE_URL, f'{settings.SITE_ROOT}/{job.notice.request_id}/{job.id}').hex}"


def body(notice: Notice) -> bytes:
    """Return how a request stands, as ASCII: invisible characters stay escaped."""
    return _json(f"request.{notice.event}", _data(notice))


def test_body(name: str) -> bytes:
    """Return what a test sends to the receiver ``name``."""
    return _json("test", {"receiver": name, "url": settings.SITE_ROOT})


def _json(kind: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"version": VERSION, "type": kind, "data": data}, separators=(",", ":")).encode()


def _data(notice: Notice) -> dict[str, Any]:
    return {
        "event": notice.event.value,
        "request_id": notice.request_id,
        "namespace": notice.namespace,
        "tool": notice.tool,
        "agent": notice.agent,
        "service": notice.service,
        "severity": notice.severity,
        "state": notice.state,
        "approvals_given": notice.approvals_given,
        "approvals_needed": notice.approvals_needed,
        "decided": [_decision(one) for one in notice.decided],
        "expires_at": _time(notice.expires_at),
        "url": notice.url,
    }


def _decision(one: Deciding) -> dict[str, str]:
    return {"kind": one.kind, "name": one.person, "external_id": one.external_id, "at": _time(one.at)}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
