"""How many long polls a worker keeps open at the Temporal server.

Temporal's own number is ten a worker, which is right where the work is. A process that serves many namespaces would
hold a hundred for namespaces that sleep.
"""

from __future__ import annotations

from typing import TypedDict

from temporalio.worker import PollerBehavior, PollerBehaviorAutoscaling


class Polling(TypedDict, total=False):
    """Arguments of ``Worker``."""

    workflow_task_poller_behavior: PollerBehavior
    activity_task_poller_behavior: PollerBehavior


_AS_NEEDED = PollerBehaviorAutoscaling(minimum=1, initial=1, maximum=5)
# One to begin with, more while there is work.
FEW = Polling(workflow_task_poller_behavior=_AS_NEEDED, activity_task_poller_behavior=_AS_NEEDED)
