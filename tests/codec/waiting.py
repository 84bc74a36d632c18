"""Workflows that wait while keys change, and that say too much. They import no codec: Temporal's sandbox loads them."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

LARGEST_BYTES = 2 * 1024 * 1024


@activity.defn
async def repeat(text: str) -> str:
    return text


@activity.defn
async def say_too_much(size: int) -> str:
    return "x" * size


@workflow.defn
class Waits:
    def __init__(self) -> None:
        self._said = ""

    @workflow.run
    async def run(self, text: str) -> str:
        await workflow.wait_condition(lambda: bool(self._said))
        return await workflow.execute_activity(
            repeat, f"{text} {self._said}", start_to_close_timeout=timedelta(seconds=20)
        )

    @workflow.signal
    def say(self, text: str) -> None:
        self._said = text


@workflow.defn
class TooMuch:
    @workflow.run
    async def run(self, what: str) -> str:
        once = RetryPolicy(maximum_attempts=1)
        if what == "argument":
            await workflow.execute_activity(
                repeat, "x" * LARGEST_BYTES, start_to_close_timeout=timedelta(seconds=20), retry_policy=once
            )
        if what == "result":
            await workflow.execute_activity(
                say_too_much, LARGEST_BYTES, start_to_close_timeout=timedelta(seconds=20), retry_policy=once
            )
        if what == "caught":
            try:
                workflow.start_activity(repeat, "x" * LARGEST_BYTES, start_to_close_timeout=timedelta(seconds=20))
            except ApplicationError as error:
                return f"{error.type}: {error.message}"
        return "x" * LARGEST_BYTES
