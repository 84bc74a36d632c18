"""The database goes away under everybody, and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql


@asynccontextmanager
async def database_away() -> AsyncIterator[None]:
    """Let nobody of this process use the database, whatever they have open."""
    with _postgresql_away() if connection.vendor == "postgresql" else _sqlite_away():
        yield
    # The test's own thread is not looked after as those of workers are (workers.database).
    await sync_to_async(connections.close_all)()


@contextmanager
def _postgresql_away() -> Iterator[None]:
    """Cut every connection, in the middle of whatever it does, and take no new one."""
    given = connection.settings_dict
    name = sql.Identifier(given["NAME"])
    with psycopg.connect(
        dbname="postgres", user=given["USER"], host=given["HOST"], port=given["PORT"] or None, autocommit=True
    ) as server:
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [given["NAME"]])
        try:
            yield
        finally:
            server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


@contextmanager
def _sqlite_away() -> Iterator[None]:
    """Fail every statement and every commit. A file cannot go away under those who have it open."""

    def away(*args: Any, **options: Any) -> None:
        raise OperationalError("The database is away.")

    with patch.object(BaseDatabaseWrapper, "_cursor", away), patch.object(BaseDatabaseWrapper, "_commit", away):
        yield
