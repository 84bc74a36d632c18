"""A calendar at an address, RFC 5545. It is read by a process of its own, which ends in time: see ``ical_reader``."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from datetime import datetime
from typing import Any

from django.conf import settings

from approvals.on_call.elsewhere.asking import body_of
from approvals.on_call.elsewhere.contracts import FetchedShift, FetchFailed, Schedule, Trouble

# Ten years of a busy team's calendar have some million bytes.
MOST_BYTES = 24 * 2**20
# For reading together, on a machine with other work; the reader's own limit of work is shorter.
READ_SECONDS = 40.0


async def shifts(schedule: Schedule, begins: datetime, ends: datetime) -> list[FetchedShift]:
    """Return who is on call between ``begins`` and ``ends``, and more. Raises ``FetchFailed``."""
    data = await body_of(schedule, schedule.url, {"accept": "text/calendar"}, most_bytes=MOST_BYTES)
    return await read(data, begins, ends, time_zone=schedule.time_zone)


async def read(data: bytes, begins: datetime, ends: datetime, *, time_zone: str) -> list[FetchedShift]:
    """Return the shifts in the calendar ``data``. Raises ``FetchFailed``."""
    asked = json.dumps([begins.isoformat(), ends.isoformat(), time_zone]).encode()
    # Without this process's environment, which holds secrets.
    command = [sys.executable, "-m", "approvals.on_call.elsewhere.ical_reader"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=settings.BASE_DIR, env={}
    )
    try:
        async with asyncio.timeout(READ_SECONDS):
            output, _ = await process.communicate(asked + b"\n" + data)
    except TimeoutError:
        raise FetchFailed(Trouble.TOO_COSTLY) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        # It was ended by its own limits.
        raise FetchFailed(Trouble.TOO_COSTLY)
    return _understood(json.loads(output))


def _understood(answer: dict[str, Any]) -> list[FetchedShift]:
    if "trouble" in answer:
        raise FetchFailed(Trouble(answer["trouble"]), answer["detail"])
    return [
        FetchedShift(datetime.fromisoformat(begins), datetime.fromisoformat(ends), email, name)
        for begins, ends, email, name in answer["shifts"]
    ]
