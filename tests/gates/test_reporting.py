"""Receipts of a worker elsewhere reach Countersign's queue over Temporal."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.gates import agents
from tests.gates.conftest import Floor
from workers.gates.reporting import TemporalReceiptSink

pytestmark = pytest.mark.temporal


async def test_a_worker_elsewhere_hands_its_receipts_over_through_temporal(floor: Floor) -> None:
    sink = TemporalReceiptSink(floor.plain, task_queue=floor.gate_plugin.settings.approvals_task_queue)
    floor.gate_plugin.receipts.sink = sink
    open_warrant = floor.keys.warrant({"restart_service": {}}, {})
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=open_warrant)
    assert await handle.result() == "restarted checkout"
    await sink.flush()
    reports = [await floor.desk.reports.get() for _ in range(2)]
    receipts = [record for report in reports for record in report.receipts]
    assert [(record.tool, record.sequence) for record in receipts] == [("restart_service", 1)]


async def test_receipts_wait_while_temporal_is_away_and_arrive_once(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = floor.plain.start_workflow, iter([1, 2])

    async def flaky(*args: Any, **kwargs: Any) -> Any:
        for _ in failures:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return await start(*args, **kwargs)

    monkeypatch.setattr(floor.plain, "start_workflow", flaky)
    sink = TemporalReceiptSink(floor.plain, task_queue=floor.gate_plugin.settings.approvals_task_queue)
    floor.gate_plugin.receipts.sink = sink
    open_warrant = floor.keys.warrant({"restart_service": {}}, {})
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=open_warrant)
    assert await handle.result() == "restarted checkout"
    await sink.flush()
    reports = [await floor.desk.reports.get() for _ in range(2)]
    assert sum(len(report.receipts) for report in reports) == 1
    assert sink.lost == 0
