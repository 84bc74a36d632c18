"""An operator makes the endpoints once; what leads elsewhere is left alone, and keys go to a new file only."""

from __future__ import annotations

import io
import json

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from audit.rings.queries import ring_of
from tests.nexus.conftest import ensure_endpoints
from workers.answers.contracts import NEXUS_TASK_QUEUE
from workers.nexus.endpoints import Endpoint
from workers.nexus.exchange import exchange_ring_of

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


async def setup(*options: str) -> str:
    said = io.StringIO()
    await sync_to_async(call_command)("setup_nexus", *options, stdout=said)
    return said.getvalue()


@pytest.fixture
def address(live_temporal, settings: Settings) -> None:
    settings.TEMPORAL_ADDRESS = live_temporal.client.service_client.config.target_host


@pytest.mark.usefixtures("address")
async def test_endpoints_are_made_once_with_keys_of_their_own(settings, tmp_path):
    settings.NEXUS_APPROVALS = {"setup-approvals": "team-actions"}
    with pytest.raises(CommandError, match="Missing: setup-approvals"):
        await setup("--check")
    assert "setup-approvals: made, leads to default/countersign-nexus" in await setup()
    ring = await sync_to_async(ring_of)(exchange_ring_of("setup-approvals"))
    assert "as it should be" in await setup()
    assert "as it should be" in await setup("--check")
    assert await sync_to_async(ring_of)(exchange_ring_of("setup-approvals")) == ring
    file = tmp_path / "keys.json"
    await sync_to_async(call_command)("exchange_key", "setup-approvals", output=file, stdout=io.StringIO())
    assert json.loads(file.read_text())["current"] == ring.current
    for endpoint in ("setup-approvals", "nobody-knows"):
        with pytest.raises(CommandError):
            await sync_to_async(call_command)("exchange_key", endpoint, output=file, stdout=io.StringIO())


@pytest.mark.usefixtures("address")
async def test_an_endpoint_that_leads_elsewhere_is_left_alone(live_temporal, settings):
    taken = Endpoint("taken-approvals", "default", f"{NEXUS_TASK_QUEUE}-of-others")
    await ensure_endpoints(live_temporal.client, taken)
    settings.NEXUS_APPROVALS = {taken.name: "team-actions"}
    for options in ((), ("--check",)):
        with pytest.raises(CommandError, match="leads to default/countersign-nexus-of-others"):
            await setup(*options)
