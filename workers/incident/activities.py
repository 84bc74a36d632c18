"""The guarded tools: flat parameters, all given explicitly. What they may be called with is the warrant's business."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.conf import settings
from temporalio import activity
from temporalio.exceptions import ApplicationError

from workers.incident.estate import Estate, EstateError
from workers.incident.for_a_person import TOOLS_FOR_A_PERSON

TOOL_FAILED = "TOOL_FAILED"


@activity.defn
async def read_logs(service: str, minutes: int) -> str:
    return await _on_estate(Estate.read_logs, world=_world(), service=service, minutes=minutes)


@activity.defn
async def read_metrics(service: str, metric: str) -> str:
    return await _on_estate(Estate.read_metrics, world=_world(), service=service, metric=metric)


@activity.defn
async def restart_service(service: str, environment: str) -> str:
    return await _change(Estate.restart_service, service=service, environment=environment)


@activity.defn
async def scale_service(service: str, environment: str, replicas: int) -> str:
    return await _change(Estate.scale_service, service=service, environment=environment, replicas=replicas)


@activity.defn
async def post_status(channel: str, text: str) -> str:
    return await _change(Estate.post_status, channel=channel, text=text)


@activity.defn
async def escalate(severity: str, summary: str) -> str:
    return await _change(Estate.escalate, severity=severity, summary=summary)


@activity.defn
async def delete_database(name: str) -> str:
    return await _change(Estate.delete_database, name=name)


@activity.defn
async def modify_iam(principal: str, role: str) -> str:
    return await _change(Estate.modify_iam, principal=principal, role=role)


TOOLS: list[Callable[..., Any]] = [
    read_logs,
    read_metrics,
    restart_service,
    scale_service,
    post_status,
    escalate,
    delete_database,
    modify_iam,
    *TOOLS_FOR_A_PERSON,
]


def estate() -> Estate:
    """Return the estate that this installation's tools act on."""
    return Estate(settings.DATA_DIR / "estate")


async def _change(operation: Callable[..., str], **arguments: str | int) -> str:
    info = activity.info()
    dispatch = f"{info.workflow_run_id}/{info.activity_id}/{info.attempt}"
    return await _on_estate(operation, world=_world(), dispatch=dispatch, **arguments)


async def _on_estate(operation: Callable[..., str], **arguments: str | int) -> str:
    try:
        return await asyncio.to_thread(operation, estate(), **arguments)
    except EstateError as error:
        raise ApplicationError(str(error), type=TOOL_FAILED, non_retryable=True) from None


def _world() -> str:
    return activity.info().workflow_id or "no workflow"
