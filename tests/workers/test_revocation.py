"""The refresher: every new list reaches the worker, and no failure ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from warrants.revocation import confirming
from warrants.revocation.contracts import Held
from workers import revocation
from workers.supervisor import cancel


class Plugin:
    """Takes lists; refuses ``refused``."""

    def __init__(self, *, refused: bytes = b"") -> None:
        self.applied: list[bytes] = []
        self.believed: list[list[bytes]] = []
        self._refused = refused

    def apply_trusted_roots(self, sets: list[bytes]) -> bool:
        if self._refused in sets:
            raise ValueError("not signed by a root that is trusted here")
        self.believed.append(sets)
        return True

    def apply_revocation_list(self, data: bytes) -> bool:
        if data == self._refused:
            raise ValueError("not signed by a trusted root")
        self.applied.append(data)
        return True

    def held_lists(self) -> list[Held]:
        """Say so of two workers: the version is how many lists came."""
        return [Held("one", "payments", len(self.applied)), Held("two", "billing", len(self.applied))]


@pytest.fixture(autouse=True)
def sets(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the sets of trusted roots that the database offers."""
    offered: list[bytes] = []
    monkeypatch.setattr(revocation, "signed_sets", lambda: list(offered))
    return offered


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Return what the refresher writes of itself, in order."""
    written: list[tuple[str, object]] = []
    monkeypatch.setattr(confirming, "confirm", lambda held: written.append(("holds", held[0].version)))
    monkeypatch.setattr(confirming, "still_here", lambda workers: written.append(("is here", workers)))
    monkeypatch.setattr(confirming, "forget", lambda workers: written.append(("stops", workers)))
    return written


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
    task = asyncio.create_task(revocation.refresh(plugin, plugin.held_lists, interval_seconds=0))
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


async def test_a_worker_confirms_once_what_it_holds_and_takes_it_back_when_it_stops(monkeypatch, said):
    await _refresh(Plugin(), monkeypatch, [None, b"1", b"1", b"2", b"2"])
    assert said == [("holds", 0), ("holds", 1), ("holds", 2), ("stops", ["one", "two"])]


async def test_a_refused_list_is_not_confirmed(monkeypatch, said):
    await _refresh(Plugin(refused=b"forged"), monkeypatch, [b"1", b"forged"])
    assert said == [("holds", 1), ("stops", ["one", "two"])]


async def test_a_worker_without_news_says_that_it_is_there(monkeypatch, said):
    monkeypatch.setattr(revocation, "STILL_HERE_SECONDS", 0)
    await _refresh(Plugin(), monkeypatch, [b"1", b"1"])
    assert said[:2] == [("holds", 1), ("is here", ["one", "two"])]


async def test_a_confirmation_that_failed_is_said_again(monkeypatch, said, caplog):
    failures = iter([OperationalError("away")])

    def confirm(held):
        for failure in failures:
            raise failure
        said.append(("holds", held[0].version))

    monkeypatch.setattr(confirming, "confirm", confirm)
    await _refresh(Plugin(), monkeypatch, [b"1", b"1"])
    assert said == [("holds", 1), ("stops", ["one", "two"])]
    assert "could not be confirmed" in caplog.text


async def test_new_roots_are_believed_before_the_list_that_they_signed_is_taken(monkeypatch, sets):
    plugin = Plugin()
    sets.append(b"set 1")
    await _refresh(plugin, monkeypatch, [None, b"1", b"1"])
    assert plugin.believed == [[b"set 1"]]
    assert plugin.applied == [b"1"]


async def test_a_refused_set_keeps_no_list_back_and_is_tried_again(monkeypatch, sets, caplog):
    plugin = Plugin(refused=b"forged")
    sets.append(b"forged")
    await _refresh(plugin, monkeypatch, [None, b"1"])
    assert plugin.applied == [b"1"]
    assert caplog.text.count("those from before are trusted here") >= 2
