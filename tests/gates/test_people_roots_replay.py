"""A run that began under a people root replays under another one, and under none: no update stops it."""

from __future__ import annotations

import pytest
from temporalio.worker import Replayer

from tests.gates import agents
from tests.gates.conftest import Floor
from tests.gates.people import Keys, approve, decision, endorse, public, send
from tests.gates.test_attacks import waiting
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.setup import build_plugins

pytestmark = pytest.mark.temporal


@pytest.fixture
def people_roots(keys: Keys) -> list[bytes]:
    return [public(keys.people_root)]


@pytest.mark.parametrize("believes", ["the same root", "another root"])
async def test_a_run_replays_whatever_people_root_is_pinned_later(floor: Floor, keys: Keys, believes: str) -> None:
    handle, request = await waiting(floor)
    signed = approve(request, keys.approver)
    # Something that the run did not believe is in its history, too.
    forged = (endorse(keys.second, keys.approver),)
    await send(floor.plain, request, decision(request, approvals=(signed,), endorsements=forged))
    await send(floor.plain, request, decision(request, approvals=(signed,), endorsements=keys.endorsements()))
    assert await handle.result() == "restarted checkout"
    root = public(keys.people_root if believes == "the same root" else keys.second)
    plugins = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys={"agent": bytes(keys.holder.secret_key_bytes())},
        trusted_roots=[keys.root],
        receipts=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x07" * 32, worker="replay"),
        nonces=InMemoryNonceStore(),
        settings=floor.gate_plugin.settings,
        people_roots=[root],
    )
    replayer = Replayer(workflows=agents.WORKFLOWS, plugins=list(plugins), namespace="default")
    await replayer.replay_workflow(await handle.fetch_history())
