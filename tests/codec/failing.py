"""A workflow that fails with a secret in every text that it can."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError


@activity.defn
async def careless(secret: str) -> None:
    """Fail with the secret in message, details and cause."""
    try:
        raise ValueError(secret)
    except ValueError as error:
        raise ApplicationError(secret, secret, type="CARD_DECLINED") from error


@workflow.defn
class FailsLoudly:
    """Its activity fails, a task that nobody awaits fails, and at last its own code, again and again."""

    @workflow.run
    async def run(self, secret: str) -> None:
        failing = workflow.execute_activity(
            careless, secret, start_to_close_timeout=timedelta(seconds=20), retry_policy=RetryPolicy(maximum_attempts=1)
        )
        await asyncio.gather(failing, return_exceptions=True)
        raise ValueError(secret)
