"""Single use, remembered in the database."""

from __future__ import annotations

import asyncio
import time

import pytest
from django.db import OperationalError

from workers import nonces
from workers.nonces import DatabaseNonceStore, NonceStoreUnavailable

KEY, NONCE = b"k" * 32, b"n" * 16


def _ask(store: DatabaseNonceStore, owner: str):
    return store.consume(approver_key=KEY, nonce=NONCE, owner=owner, expires_at=int(time.time()) + 60)


@pytest.mark.django_db(transaction=True)
async def test_one_of_fifty_dispatches_at_once_gets_the_approval():
    store = DatabaseNonceStore()
    answers = await asyncio.gather(*(_ask(store, f"dispatch {number}") for number in range(50)))
    assert answers.count(True) == 1


@pytest.mark.django_db(transaction=True)
async def test_a_retry_of_the_same_dispatch_passes_and_another_dispatch_does_not():
    store = DatabaseNonceStore()
    assert await _ask(store, "dispatch 1")
    assert await _ask(store, "dispatch 1")
    assert not await _ask(DatabaseNonceStore(), "dispatch 2")


async def test_a_store_that_is_back_soon_is_asked_again(monkeypatch):
    answers = iter([OperationalError("away"), OperationalError("away"), True])
    monkeypatch.setattr(nonces, "consume", _answering(answers))
    assert await _ask(DatabaseNonceStore(), "dispatch 1")


async def test_a_store_that_stays_away_refuses_the_call_and_spends_nothing(monkeypatch):
    monkeypatch.setattr(nonces, "DELAYS_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(nonces, "consume", _answering(iter([OperationalError("away")] * 3)))
    with pytest.raises(NonceStoreUnavailable, match="does not answer"):
        await _ask(DatabaseNonceStore(), "dispatch 1")


def _answering(answers):
    def consume(**_: object) -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return consume
