"""What a policy makes an approver wait for and type, at a terminal as in the browser. The site checks the same."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from approvals.agent_text import visible
from approvals.cli import terminal
from approvals.cli.failures import CannotGoOn
from approvals.cli.visit import Visit, request_path

LONGEST_READING = 600


async def begin_reading(visit: Visit, request_id: str) -> float:
    """Say that the request is before this person's eyes; return how many seconds ago that was first so."""
    answer = await visit.submit(f"{request_path(request_id)}opening/", {})
    ago = answer.get("seconds_ago")
    return float(ago) if isinstance(ago, int | float) and math.isfinite(ago) else 0.0


async def be_patient(page: Mapping[str, Any], *, seconds_ago: float, typed: str | None) -> dict[str, str]:
    """Wait for as long as the policy asks, and return what goes with the signature: what the person typed.

    ``page`` is what the site says of the request, ``seconds_ago`` since when they have it open, ``typed`` what they
    gave beforehand. Raises ``CannotGoOn``.
    """
    slow = page.get("slow")
    if not isinstance(slow, Mapping):
        return {}
    seconds = slow.get("reading_seconds")
    left = min(seconds, LONGEST_READING) - seconds_ago if isinstance(seconds, int) else 0.0
    if left > 0:
        terminal.say(f"The policy asks for time to read: {math.ceil(left)} seconds left. You can deny at once.")
        # A little more, so that the site's clock agrees.
        await asyncio.sleep(left + 0.1)
    wanted = slow.get("confirm")
    if not isinstance(wanted, str) or not wanted:
        return {}
    confirmation = typed if typed is not None else terminal.ask(f"To approve, type {visible(wanted)}: ")
    if confirmation.strip() != wanted.strip():
        raise CannotGoOn("That is not what the policy asks you to type. Nothing was signed.")
    return {"confirmation": confirmation}
