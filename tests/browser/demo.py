"""The real demo as a child process, and its terminal."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.prepared import prepare
from tests.workers.processes import die_with_tests, free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


class Demo:
    """``manage.py`` with ``arguments``, from ``__enter__`` to ``__exit__``, its state in ``directory``.

    ``program`` stands in for ``manage.py``.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        ports: tuple[int, int, int] | None = None,
        environment: dict[str, str] | None = None,
        program: tuple[str, ...] = ("manage.py",),
    ) -> None:
        prepare(directory)
        self.ports = ports or tuple(free_ports(3))  # type: ignore[assignment]
        self.address = f"http://localhost:{self.ports[0]}"
        self.lines: list[str] = []
        self._arguments = arguments or ("demo",)
        self._program = program
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
            "DATA_DIR": str(directory),
            "SITE_ROOT": self.address,
            "LISTEN_PORT": str(self.ports[0]),
            "TEMPORAL_DEVELOPMENT_PORT": str(self.ports[1]),
            "TEMPORAL_DEVELOPMENT_UI_PORT": str(self.ports[2]),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            **(environment or {}),
        }

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, *self._program, *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_tests,
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        if kind is not None:
            sys.stderr.write("--- the demo's terminal ---\n" + "".join(self.lines))

    def stop(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """kill -9, with no chance to tidy up."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def line(self, matches: Callable[[str], bool], patience: float = PATIENCE_SECONDS) -> str:
        """Return the next line of the terminal for which ``matches`` holds."""
        deadline = time.monotonic() + patience
        while True:
            try:
                line = self._queue.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError("The demo did not say what was expected:\n" + "".join(self.lines)) from None
            if line is None:
                raise AssertionError("The demo ended:\n" + "".join(self.lines))
            if matches(line):
                return line

    def sign_in_link(self) -> str:
        """Return the one-time link that the demo prints."""
        found = re.search(r"http\S+/sign-in/\S+", self.line(lambda line: "/sign-in/" in line))
        assert found
        return found.group()

    def manage(self, *arguments: str, patience: float = PATIENCE_SECONDS) -> str:
        """Run another command of the same installation; return what it says."""
        done = subprocess.run(
            [sys.executable, *self._program, *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage_all(self, *commands: tuple[str, ...]) -> str:
        """Run other commands one after the other, in one process: starting one takes seconds. Return what they say."""
        calls = "; ".join(f"call_command(*{command!r})" for command in commands)
        return self.manage("shell", "-c", f"from django.core.management import call_command; {calls}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put(None)
