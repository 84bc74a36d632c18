"""An agent that makes every call it is told of, and says what became of each."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

RAN = "ran"


@workflow.defn
class Caller:
    @workflow.run
    async def run(self, calls: list[str]) -> list[str]:
        """``calls`` are JSON lists of a tool's name and its values; return ``RAN`` or the type of each failure."""
        return list(await asyncio.gather(*[self._call(*json.loads(call)) for call in calls]))

    async def _call(self, tool: str, values: list[object]) -> str:
        once = RetryPolicy(maximum_attempts=1)
        try:
            return str(
                await workflow.execute_activity(
                    tool, args=values, start_to_close_timeout=timedelta(seconds=30), retry_policy=once
                )
            )
        except ApplicationError as error:  # before it was dispatched
            return error.type or "failed"
        except ActivityError as error:
            return (error.cause.type if isinstance(error.cause, ApplicationError) else None) or "failed"
