"""Start-up check: schedules that cannot be read stop every command."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error, register

from approvals.listed_settings import MalformedSetting
from approvals.on_call.elsewhere.settings import schedules


def connect() -> None:
    register(check_schedules)


def check_schedules(**_: Any) -> list[Error]:
    """Whether ``ON_CALL_SCHEDULES`` can be read."""
    try:
        schedules()
    except MalformedSetting as error:
        return [Error(str(error), hint="docs/on-call.md has an example.", id="approvals.E005")]
    return []
