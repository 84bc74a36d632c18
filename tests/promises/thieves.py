"""An agent team that kept an approval and uses it again, in the same run, for as long as it likes."""

from __future__ import annotations

import base64

from temporalio import workflow

from tests.gates.replaying import ReplayingAgent

with workflow.unsafe.imports_passed_through():
    import tenuo_core


@workflow.defn
class RepeatingAgent(ReplayingAgent):
    """Dispatches the call again at every signal ``use``, ``times`` times in all."""

    def __init__(self) -> None:
        super().__init__()
        self._results: list[str] = []

    @workflow.signal(name="use")
    def use(self, approvals: list[str]) -> None:
        self._approvals = approvals

    @workflow.query(name="request_hash")
    def request_hash(self) -> str:
        return super().request_hash()

    @workflow.query(name="results")
    def results(self) -> list[str]:
        return self._results

    @workflow.run
    async def run(self, request_id: str, times: int, task_queue: str) -> list[str]:
        while len(self._results) < times:
            await workflow.wait_condition(lambda: bool(self._approvals))
            signed = [tenuo_core.SignedApproval.from_bytes(base64.b64decode(text)) for text in self._approvals]
            self._approvals = []
            self._results.append(await self._dispatch(signed, request_id, task_queue))
        return self._results
