"""Start-up check: receivers that cannot be read stop every command."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error, register

from approvals.notify.webhooks.settings import MalformedWebhooks, receivers


def connect() -> None:
    register(check_webhooks)


def check_webhooks(**_: Any) -> list[Error]:
    """Whether ``WEBHOOKS`` can be read."""
    try:
        receivers()
    except MalformedWebhooks as error:
        return [Error(str(error), hint="docs/webhooks.md has an example.", id="approvals.E004")]
    return []
