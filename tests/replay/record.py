"""``python -m tests.replay.record``: tell every story on a real Temporal server and keep the histories.

Run it when a change of the gate's workflow side is meant to be incompatible with running workflows,
which is to say almost never: the histories are there so that such a change does not go unnoticed. It takes less than
a minute; the tests want the warrants expired, so wait another minute before you run them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import django
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

HISTORIES = Path(__file__).parent / "histories"
# What a server and an SDK write down about the machine that they ran on.
_MACHINE_FIELDS = {"identity", "stackTrace", "binaryChecksum", "buildId"}


def scrubbed(value: Any) -> Any:
    """Return a history's JSON without what tells of the machine: none of it matters to a replay."""
    if isinstance(value, dict):
        return {name: scrubbed(item) for name, item in value.items() if name not in _MACHINE_FIELDS}
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    return value


async def record() -> None:
    from tests.replay.stories import AGENTS, INCIDENTS, tell

    command = shutil.which("temporal", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=command) as environment:
        # Sticky task queues are named after the client's identity, which is otherwise process and host.
        address = environment.client.service_client.config.target_host
        client = await Client.connect(address, identity="recorder")
        for stories, is_incident in ((INCIDENTS, True), (AGENTS, False)):
            for story, settings in stories:
                for name, workflow_id, run_id in await tell(client, story, settings, is_incident=is_incident):
                    await keep(client, name, workflow_id, run_id)


async def keep(client: Client, name: str, workflow_id: str, run_id: str) -> None:
    history = await client.get_workflow_handle(workflow_id, run_id=run_id or None).fetch_history()
    path = HISTORIES / f"{name}.json"
    facts = {"workflow_id": workflow_id, "history": scrubbed(json.loads(history.to_json()))}
    path.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    print(f"{path.name}: {len(history.events)} events, {path.stat().st_size} bytes")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    asyncio.run(record())
