from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.issuing import Issuer
from tests.gateway.servers import Behind, Calls, calling
from workers.gateway import server


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GRACEFUL_SECONDS", 0.2)


@pytest.fixture
def issuer(tmp_path) -> Issuer:
    return Issuer(tmp_path)


@pytest_asyncio.fixture(loop_scope="session")
async def behind() -> AsyncIterator[Behind]:
    server = Behind()
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def calls(behind, issuer, tmp_path) -> AsyncIterator[Calls]:
    async with calling(upstream=behind.address, keys=issuer.file, directory=tmp_path) as found:
        yield found
