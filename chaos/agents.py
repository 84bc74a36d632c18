"""The agents: ordinary workflows and activities. What an activity does is written down by ``chaos.effects``."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    import random

    from chaos import effects
    from workers.gates import setup  # noqa: F401  what every guarded worker has loaded anyway

TASK_QUEUE = "chaos-agents"
DONE = "done"
# A killed worker's attempt is given up after this; then Temporal tries again.
_ATTEMPT = timedelta(seconds=8)
_LONG = timedelta(minutes=20)


@activity.defn
async def look(call: str) -> str:
    return call


@activity.defn
async def change(call: str) -> str:
    effects.note(effects.BEGAN, call)
    # Long enough for a kill to fall into.
    await asyncio.sleep(random.uniform(0, 0.4))
    effects.note(effects.ENDED, call)
    return DONE


ACTIVITIES = [look, change]


@workflow.defn
class Agent:
    """Looks, then makes all of its changes at once; returns what came of each: ``DONE``, or the code of the refusal."""

    @workflow.run
    async def run(self, calls: list[str]) -> list[str]:
        await workflow.execute_activity(
            look, calls[0], start_to_close_timeout=_ATTEMPT, schedule_to_close_timeout=_LONG
        )
        return list(await asyncio.gather(*map(self._change, calls)))

    async def _change(self, call: str) -> str:
        try:
            return await workflow.execute_activity(
                change, call, start_to_close_timeout=_ATTEMPT, schedule_to_close_timeout=_LONG
            )
        except ActivityError as error:
            cause = error.cause
            return cause.type or "" if isinstance(cause, ApplicationError) else type(cause).__name__


WORKFLOWS = [Agent]
