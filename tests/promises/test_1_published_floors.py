"""Promise 1: what people published is what workers ask, on a live worker, within two seconds and without a restart.

The attacker holds the issuer's key and mints a warrant that asks nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import tenuo_core
from asgiref.sync import sync_to_async
from pytest_django import Settings
from temporalio.client import WorkflowFailureError

from accounts.keys.queries import keys_of
from audit.statements.terms import Terms
from tests.endorsing import ROOT
from tests.gates import agents
from tests.issuing import tenuo_key
from tests.promises.conftest import House
from tests.workers.test_known_policies import LOGS, PRODUCTION, asking_less, asking_more, naming
from tests.workers.test_publications import publish
from warrants.agents.services import ensure_agent
from warrants.issuers.services import ensure_issuer
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.services import mint
from workers.gates.people_roots import PeopleRoots
from workers.known_policies import KnownPolicies
from workers.publications import Publications, known_policies
from workers.supervisor import cancel

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture
def known(settings: Settings, tmp_path: Path) -> KnownPolicies:
    settings.DATA_DIR = tmp_path
    return known_policies(PeopleRoots([ROOT]))


@pytest.fixture
def trust(known: KnownPolicies) -> dict[str, Any]:
    return {"people_roots": known.roots, "floors": known}


@pytest_asyncio.fixture(loop_scope="session")
async def refreshed(house: House, known: KnownPolicies) -> AsyncIterator[House]:
    """The house, whose worker looks for what was published as the real ones do."""
    looking = asyncio.create_task(Publications(known, [house.gate_plugin]).refresh())
    yield house
    await cancel(looking)


async def within_two_seconds(knows: Callable[[], bool]) -> None:
    """Return when the worker knows of what was published just now."""
    since = time.monotonic()
    while not knows():
        assert time.monotonic() - since < 2, "The worker does not follow what was published."
        await asyncio.sleep(0.02)


async def test_a_version_that_asks_less_and_then_one_that_asks_more(refreshed: House, known: KnownPolicies) -> None:
    house = refreshed

    def mint_again() -> MintedWarrant:
        incident = Incident("PLESS", "High error rate", "high", "checkout", "default")
        agent, approvers = ensure_agent(name="incident-agent"), list(keys_of(house.ada.person))
        return mint(policy="incident-response", incident=incident, agent=agent, approvers=approvers)

    async def restarts_unasked(chain: list[bytes] | None = None) -> bool:
        handle = await house.start(agents.ForgivingAgent.run, "checkout", chain=chain)
        result = await handle.result()
        assert result == "restarted checkout" or result.startswith("APPROVAL_FLOOR"), result
        return bool(result == "restarted checkout")

    less, more = naming(asking_less(3), 3), Terms()
    thief = [await sync_to_async(ungated)()]
    assert not await refuses_to_read(house, thief)
    assert not await restarts_unasked(thief)

    await sync_to_async(publish)(asking_less(3))
    await within_two_seconds(lambda: known.demand(less, "restart_service", PRODUCTION).people == 0)
    house.warrants.append(await sync_to_async(mint_again)())
    assert await restarts_unasked()
    assert not await restarts_unasked(thief), "it names no policy"

    await sync_to_async(publish)(asking_more(4), 4)
    await within_two_seconds(lambda: known.demand(more, "read_logs", LOGS).people == 1)
    assert await refuses_to_read(house, thief)
    assert await restarts_unasked(), "what was minted keeps its floors for a day"


def ungated() -> bytes:
    """Mint a warrant that names no policy, with the issuer's key."""
    agent = ensure_agent(name="incident-agent")
    warrant = tenuo_core.Warrant.issue(
        tenuo_key(ensure_issuer()),
        capabilities={
            "read_logs": {"service": tenuo_core.Wildcard()},
            "restart_service": {"service": tenuo_core.Wildcard(), "environment": tenuo_core.Wildcard()},
        },
        ttl_seconds=600,
        holder=tenuo_core.PublicKey.from_bytes(bytes(agent.public_key)),
    )
    return bytes(warrant.to_bytes())


async def refuses_to_read(house: House, chain: list[bytes]) -> bool:
    """Return whether logs are not read under ``chain``; one of the agent's next calls is refused in any case."""
    handle = await house.start(agents.PlainAgent.run, "checkout", chain=chain)
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    return "read_logs" in str(ended.value.cause.activity_type)  # type: ignore[union-attr]
