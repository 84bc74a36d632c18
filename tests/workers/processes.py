"""Whole processes under test: free ports, an environment of their own, and what they leave behind."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx

from workers.development_server import die_with_parent

BASE = Path(__file__).resolve().parents[2]
# Where tests are killed, what they started is told to stop.
die_with_tests = die_with_parent if sys.platform == "linux" else None


# Below the ports that systems give to outgoing connections: nobody else's takes one while nothing listens there.
PORTS = range(15_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Installation:
    """A demo installation with its own data directory and ports."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.site = f"http://localhost:{self.port}"
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "DATA_DIR": str(directory),
            "SITE_ROOT": self.site,
            "TEMPORAL_DEVELOPMENT_PORT": str(free_port()),
            "TEMPORAL_DEVELOPMENT_UI_PORT": str(free_port()),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_tests,
        )

    def run(self, *arguments: str, timeout: float = 120) -> tuple[int, str]:
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise AssertionError(f"manage.py {arguments} did not end:\n{output}") from None
        return process.returncode, output

    def processes(self) -> list[int]:
        """Return the living processes of this installation: its directory is in their command or environment."""
        return list(_mentioning(str(self.directory)))

    def wait_until_gone(self, *, seconds: float = 20) -> None:
        """Return when no process is left: a killed process's Temporal server needs a moment to close its database."""
        until(lambda: not self.processes(), seconds=seconds)

    def wait_until_up(self, *, seconds: float = 30) -> None:
        until(self.is_up, seconds=seconds)

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.site}/approvals/", follow_redirects=True).is_success
        except httpx.HTTPError:
            return False


def until(happened: Callable[[], bool], *, seconds: float) -> None:
    """Return when ``happened``; nothing tells us of other processes, so it asks again and again."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.1)


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Return what the process wrote up to the first line with ``text``."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError(f"The process ended without {text!r}:\n" + "\n".join(lines))


def stop(process: subprocess.Popen[str], number: signal.Signals, *, timeout: float = 30) -> tuple[int, str]:
    """Send one signal and return the exit code with the rest of the output."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=timeout)
    return process.returncode, output


def _mentioning(text: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if b"\0" not in (entry / "cmdline").read_bytes():
                continue  # a kernel thread, or a child that is dead and not yet waited for
            known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in known:
            yield int(entry.name)
