"""An agent whose model says what a test tells it to, on the real Temporal server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from workers.incident.activities import TOOLS
from workers.incident.contracts import (
    CALL_MODEL_ACTIVITY,
    MODEL_TASK_QUEUE,
    IncidentBrief,
    IncidentReport,
    ModelAnswer,
    ModelRequest,
)
from workers.incident.workflow import IncidentWorkflow

BRIEF = IncidentBrief(
    incident_id="P1042",
    title="High error rate on payment-service-prod",
    severity="high",
    service="payment-service-prod",
)


def call(tool: str, text: str = "Because.", /, **arguments: object) -> ModelAnswer:
    return ModelAnswer(text=text, tool=tool, arguments_json=json.dumps(arguments))


def done(text: str = "Done.") -> ModelAnswer:
    return ModelAnswer(text=text)


class ScriptedModel:
    """Gives ``answers`` in order, the last one for ever; keeps what it was asked."""

    def __init__(self, answers: Sequence[ModelAnswer]) -> None:
        self._answers = list(answers)
        self.requests: list[ModelRequest] = []

    @activity.defn(name=CALL_MODEL_ACTIVITY)
    async def call_model(self, request: ModelRequest) -> ModelAnswer:
        self.requests.append(request)
        return self._answers[min(len(request.steps), len(self._answers) - 1)]


async def run_agent(
    client: Client,
    *answers: ModelAnswer,
    brief: IncidentBrief = BRIEF,
    tools: Sequence[Callable[..., Any]] = TOOLS,
    workflow_id: str = "",
    call_model: Callable[..., Any] | None = None,
) -> IncidentReport:
    """Run one incident to its end with workers of its own and no plugin."""
    queue = f"agents-{uuid.uuid4()}"
    model = call_model or ScriptedModel(answers).call_model
    async with (
        Worker(client, task_queue=queue, workflows=[IncidentWorkflow], activities=tools),
        Worker(client, task_queue=MODEL_TASK_QUEUE, activities=[model]),
    ):
        return await client.execute_workflow(
            IncidentWorkflow.run, brief, id=workflow_id or f"incident-{uuid.uuid4()}", task_queue=queue
        )
