"""An installation's tables and keys on a PostgreSQL of its own, for what is measured without a server process."""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def install(directory: Path) -> None:
    """Start a PostgreSQL that ends with this process, and make the tables and the service's keys; no entries."""
    from tests.postgresql import start_postgresql

    os.environ.update(
        DATABASE_URL=start_postgresql(),
        DATA_DIR=str(directory),
        SITE_ROOT="http://localhost:8000",
        LOG_LEVEL="WARNING",
        SECRET_KEY=secrets.token_urlsafe(48),
        KEY_ENCRYPTION_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        DJANGO_SETTINGS_MODULE="config.settings",
    )
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    # Pages are rendered, and nobody fetches what they are made of.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    call_command("migrate", interactive=False, verbosity=0)
    from audit.keys.contracts import Purpose
    from audit.keys.services import ensure_service_key

    for purpose in Purpose:
        ensure_service_key(purpose=purpose)


@contextmanager
def database_ms() -> Iterator[list[float]]:
    """Note of every query meanwhile how many milliseconds it took, its answer received."""
    from django.db import connection

    taken: list[float] = []

    def note(execute: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            taken.append((time.perf_counter() - began) * 1000)

    with connection.execute_wrapper(note):
        yield taken


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
