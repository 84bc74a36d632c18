"""A real Redis for one test, on a port of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Self

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotConnected

from tests.workers.processes import free_port, until


class RedisServer:
    """A Redis that keeps its data in ``directory``, so that it has them again after a restart."""

    def __init__(self, directory: Path, **options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url)
        given = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", **options}
        self._options = {"dir": str(directory), "bind": "127.0.0.1", "save": "", **given}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self.client.close()

    def start(self) -> None:
        command = shutil.which("redis-server")
        if command is None:
            pytest.fail("The redis-server command is missing: sh tests/workers/install.sh.")
        options = [word for name, value in self._options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [command, "--port", str(self.port), *options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        until(self._answers, seconds=20)

    def stop(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except NotConnected:
            return False
