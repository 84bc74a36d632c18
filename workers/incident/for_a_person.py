"""The tools that the agent uses with the authority of the person it works for, at an MCP server of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import activity

from workers.mcp.calling import call
from workers.mcp.contracts import McpTool
from workers.own_credentials import credentials
from workers.own_mcp import mcp_server

READ_CALENDAR = McpTool("read_calendar", {"day": str}, ("calendar.read",), changes_things=False)
CREATE_EVENT = McpTool("create_event", {"day": str, "title": str}, ("calendar.write",))
OPEN_TICKET = McpTool("open_ticket", {"queue": str, "title": str}, ("tickets.write",))


@activity.defn
async def read_calendar(day: str) -> str:
    return await call(mcp_server(), READ_CALENDAR, {"day": day}, credentials=credentials())


@activity.defn
async def create_event(day: str, title: str) -> str:
    return await call(mcp_server(), CREATE_EVENT, {"day": day, "title": title}, credentials=credentials())


@activity.defn
async def open_ticket(queue: str, title: str) -> str:
    return await call(mcp_server(), OPEN_TICKET, {"queue": queue, "title": title}, credentials=credentials())


TOOLS_FOR_A_PERSON: list[Callable[..., Any]] = [read_calendar, create_event, open_ticket]
