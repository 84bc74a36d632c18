"""What is done once a day goes on after a failure, and keeps no process from ending."""

from __future__ import annotations

import asyncio
import logging
from threading import Event

import pytest

from workers import upkeep


@pytest.mark.django_db(transaction=True)
async def test_it_goes_on_after_a_failure_and_ends_with_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop, begun, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    turns: list[Event] = []

    def check(stop: Event) -> None:
        turns.append(stop)
        if len(turns) == 1:
            raise RuntimeError("The database is away.")
        loop.call_soon_threadsafe(begun.set)
        assert stop.wait(20)
        loop.call_soon_threadsafe(ended.set)

    monkeypatch.setattr(upkeep, "check_if_due", check)
    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(upkeep.keep_checking(every=0))
        await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    await asyncio.wait_for(ended.wait(), 10)
    assert "The ledger was not checked" in caplog.text
