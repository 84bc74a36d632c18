"""The processes of one installation: started, killed with SIGKILL, and started again, as an init system would."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.plan import Kill
from workers.development_server import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
RESTART_SECONDS = 1.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Death:
    """A process that was killed at ``at``, a UTC time."""

    target: str
    pid: int
    at: float


class Service:
    """One process of ``target``. Its output goes to a file in ``directory``."""

    def __init__(self, target: str, number: int, command: Sequence[str], directory: Path) -> None:
        self.target = target
        self.log = directory / f"{target.replace(' ', '-').replace(chr(39), '')}-{number}.log"
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._starts_at = float("inf")

    @property
    def is_due(self) -> bool:
        return not self.is_running and time.monotonic() >= self._starts_at

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )

    def kill(self, *, down: float) -> Death | None:
        """Kill the process and let it be away for ``down`` seconds; None if it is away already."""
        if self._process is None or not self.is_running:
            return None
        self._process.send_signal(signal.SIGKILL)
        death = Death(self.target, self._process.pid, time.time())
        self._process.wait()
        self._process, self._starts_at = None, time.monotonic() + down
        return death

    def bury(self) -> bool:
        """Return whether the process has ended by itself since it was last asked; then it starts again soon."""
        if self._process is None or self.is_running:
            return False
        self._process, self._starts_at = None, time.monotonic() + RESTART_SECONDS
        return True


class Processes:
    """All of them, from ``__enter__`` to ``__exit__``. Settings come from this process's environment."""

    def __init__(self, directory: Path, temporal_port: int, each: int) -> None:
        manage = [sys.executable, "manage.py"]
        commands = {
            "temporal": (1, _temporal(directory, temporal_port)),
            "web": (1, [*manage, "serve", "--web-only"]),
            "relay": (each, [*manage, "worker", "--relay-only"]),
            "approvals worker": (each, [*manage, "worker", "--no-relay"]),
            "agents' worker": (each, [sys.executable, "-m", "chaos.team"]),
        }
        self.services = [
            Service(target, number, command, directory)
            for target, (count, command) in commands.items()
            for number in range(1, count + 1)
        ]
        self.deaths: list[Death] = []
        # A process that could not start while Temporal was away says so and ends; it is started again.
        self.ended: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Temporal last: its workers would complain.
        for service in reversed(self.services):
            service.kill(down=0)

    def start(self, *targets: str) -> None:
        for service in self._of(*targets):
            service.start()

    async def keep(self) -> None:
        """Start again whatever is away, when it is time; until cancelled."""
        while True:
            for service in self.services:
                if service.bury():
                    self.ended[service.target] += 1
                elif service.is_due:
                    service.start()
            await asyncio.sleep(0.1)

    def kill(self, kill: Kill) -> Death | None:
        services = self._of(kill.target)
        death = services[kill.number % len(services)].kill(down=kill.down)
        if death:
            self.deaths.append(death)
        return death

    def _of(self, *targets: str) -> list[Service]:
        return [service for service in self.services if service.target in targets]


def _temporal(directory: Path, port: int) -> list[str]:
    beside_python = Path(sys.executable).with_name("temporal")
    executable = str(beside_python) if beside_python.exists() else shutil.which("temporal")
    if executable is None:
        raise SystemExit("There is no temporal command: run make develop.")
    return [
        executable, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port),
        "--db-filename", str(directory / "temporal.db"), "--log-level", "error",
        "--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000",
    ]  # fmt: skip
