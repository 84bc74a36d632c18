"""Running code as an activity would, for tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.testing import ActivityEnvironment

from workers.credentials.fetching import Credentials

T = TypeVar("T")
WORKFLOW, RUN, ACTIVITY = "incident-P1042", "019b1f3e-8b6a-7c52-9d1e-6f2a4c8e0b11", "7"


async def as_activity(body: Callable[[], Awaitable[T]], *, workflow_id: str = WORKFLOW) -> T:
    """Return what ``body`` returns when it runs as an activity of that workflow."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        workflow_namespace="default",
        workflow_id=workflow_id,
        workflow_run_id=RUN,
        activity_id=ACTIVITY,
    )
    return await environment.run(body)


async def revealed(credentials: Credentials, name: str, *, workflow_id: str = WORKFLOW) -> str:
    """Return the secret ``name`` as an activity gets it."""

    async def body() -> str:
        async with credentials.secret(name) as secret:
            return secret.reveal()

    return await as_activity(body, workflow_id=workflow_id)
