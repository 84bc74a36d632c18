"""The refresher: every new list reaches the worker, and no failure ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from workers import revocation
from workers.supervisor import cancel


class Plugin:
    """Takes lists; refuses ``refused``."""

    def __init__(self, *, refused: bytes = b"") -> None:
        self.applied: list[bytes] = []
        self._refused = refused

    def apply_revocation_list(self, data: bytes) -> bool:
        if data == self._refused:
            raise ValueError("not signed by a trusted root")
        self.applied.append(data)
        return True


async def _refresh(plugin: Plugin, monkeypatch: pytest.MonkeyPatch, answers: list[bytes | Exception | None]) -> None:
    """Run the refresher until it has asked for every one of ``answers``."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    remaining: Iterator[bytes | Exception | None] = iter(answers)

    def signed_list() -> bytes | None:
        answer = next(remaining, over)
        if answer is over:
            loop.call_soon_threadsafe(over.set)
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(revocation, "signed_list", signed_list)
    task = asyncio.create_task(revocation.refresh(plugin, interval_seconds=0))
    await asyncio.wait_for(over.wait(), 10)
    await cancel(task)


async def test_every_new_list_is_applied_once(monkeypatch):
    plugin = Plugin()
    await _refresh(plugin, monkeypatch, [None, b"1", b"1", b"2", None, b"2"])
    assert plugin.applied == [b"1", b"2"]


async def test_a_failure_is_said_aloud_and_ends_nothing(monkeypatch, caplog):
    plugin = Plugin(refused=b"forged")
    await _refresh(plugin, monkeypatch, [OperationalError("away"), b"forged", b"1"])
    assert plugin.applied == [b"1"]
    assert caplog.text.count("revoked warrants may still run here") == 2
