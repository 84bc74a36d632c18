"""Start-up check: receivers that cannot be read stop every command."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error, register

from approvals.listed_settings import MalformedSetting
from approvals.notify.webhooks.settings import receivers


def connect() -> None:
    register(check_webhooks)


def check_webhooks(**_: Any) -> list[Error]:
    """Whether ``WEBHOOKS`` can be read."""
    try:
        receivers()
    except MalformedSetting as error:
        return [Error(str(error), hint="docs/webhooks.md has an example.", id="approvals.E004")]
    return []
