"""Where tools go that workers report: from this process straight to the database, from others as an activity."""

from __future__ import annotations

from itertools import zip_longest

from approvals.contracts import ToolRecord, ToolReport
from warrants.catalogue import services
from warrants.catalogue.contracts import CatalogueTool, Parameter
from workers.database import in_thread


class DatabaseToolSink:
    """The ``ToolSink`` of a process that shares the application's database."""

    async def report(self, namespace: str, report: ToolReport) -> None:
        await in_thread(record_tools, namespace, report)


def record_tools(namespace: str, report: ToolReport) -> None:
    """Take down what workers in ``namespace`` say; how much of it is usable is looked at where it is written."""
    tools = [_tool(one) for one in report.tools]
    services.record(namespace=namespace, task_queue=report.task_queue, tools=tools)


def _tool(one: ToolRecord) -> CatalogueTool:
    described = list(zip_longest(one.parameters, one.types, one.required))[: len(one.parameters)]
    parameters = tuple(Parameter(name, kind or "", required is not False) for name, kind, required in described)
    return CatalogueTool(one.name, parameters, one.description, places=())
