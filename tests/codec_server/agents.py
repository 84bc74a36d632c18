"""A workflow that leaves a prompt and a conclusion in its history."""

from __future__ import annotations

from temporalio import workflow


@workflow.defn
class Conclude:
    @workflow.run
    async def run(self, prompt: str) -> str:
        return f"{prompt}, so restart the database"
