"""How threads of a worker use the database.

Outside a request nobody looks after a thread's connection. PostgreSQL's connections go back to
the pool after every call; SQLite's are kept, because opening one costs more than using it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections

# The database is away or busy: the same call may succeed later.
TRANSIENT = (OperationalError, InterfaceError)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def with_database(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return ``function`` for use in a worker's thread: a dead connection never outlives one call."""

    @functools.wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if connection.vendor == "sqlite":
            return _keeping_connection(function, *args, **kwargs)
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return call


def _keeping_connection(
    function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    try:
        return function(*args, **kwargs)
    except TRANSIENT:
        if not connection.in_atomic_block:
            connections.close_all()
        raise


async def in_thread(
    function: Callable[Parameters, Result],
    /,
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """Run ``function`` in one of the loop's threads with the database looked after."""
    return await asyncio.to_thread(with_database(function), *args, **kwargs)


async def in_executor(executor: Executor, call: Callable[[], Result]) -> Result:
    """Run ``call`` in ``executor`` with the database looked after."""
    return await asyncio.get_running_loop().run_in_executor(executor, with_database(call))
