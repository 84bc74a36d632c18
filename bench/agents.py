"""The workflows and activities that are measured. Activities answer with the time of their first line, in ns."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    import time

    from workers.gates import setup  # noqa: F401  what every guarded worker has loaded anyway

FLOOR_QUEUE = "bench-floor"
ELSEWHERE_QUEUE = "bench-elsewhere"  # served by another worker, as a gate's requests are
TENUO_QUEUE = "bench-tenuo"
GUARDED_QUEUE = "bench-guarded"
_SHORT = timedelta(seconds=60)
_LONG = timedelta(hours=2)


@activity.defn
async def restart_service(service: str, environment: str) -> int:
    return time.time_ns()


@activity.defn
async def read_metrics(service: str, metric: str) -> int:
    return time.time_ns()


ACTIVITIES = [restart_service, read_metrics]


@workflow.defn
class Waits:
    """The floor of a decision: a signal, then an activity body."""

    def __init__(self) -> None:
        self._go = False

    @workflow.signal
    def go(self) -> None:
        self._go = True

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._go)
        return await _restart()


@workflow.defn
class Calls:
    """``count`` allowed calls, one after the other; returns the times of their bodies."""

    @workflow.run
    async def run(self, count: int, task_queue: str | None = None) -> list[int]:
        return [
            await workflow.execute_activity(
                read_metrics,
                args=["payment-service-prod", "error_rate"],
                task_queue=task_queue,
                start_to_close_timeout=_SHORT,
            )
            for _ in range(count)
        ]


@workflow.defn
class Gated:
    """One gated call; returns the time of its body."""

    @workflow.run
    async def run(self) -> int:
        return await _restart()


async def _restart() -> int:
    return await workflow.execute_activity(
        restart_service,
        args=["payment-service-prod", "production"],
        start_to_close_timeout=_SHORT,
        schedule_to_close_timeout=_LONG,
    )


WORKFLOWS = [Waits, Calls, Gated]
