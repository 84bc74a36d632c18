"""The separate approver of a demo that runs by itself: another program with a key of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings


class Approver:
    """``python -m approvals.cli`` as a child. It gets the sign-in link and none of the server's settings."""

    def __init__(self, *, link: str, decide: str, reason: str, say: Callable[[str], None]) -> None:
        self._arguments = ["decide-first", "--link", link, "--decide", decide, "--reason", reason]
        self._say = say
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Run the program, telling what it says, and return its exit code."""
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "approvals.cli",
            *self._arguments,
            cwd=settings.BASE_DIR,
            env=bare_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None  # noqa: S101  it is a pipe
        try:
            async for line in process.stdout:
                self._say(f"[cli]    {line.decode(errors='replace').rstrip()}")
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


def bare_environment() -> dict[str, str]:
    """Return an environment with nothing of the server's in it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONUTF8": "1"}


async def verify(evidence: Path, *, root: str, people_root: str) -> tuple[int, str]:
    """Verify an evidence file in a process that knows nothing but the two roots; return exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "audit.verify",
        str(evidence),
        "--root",
        root,
        "--people-root",
        people_root,
        cwd=settings.BASE_DIR,
        env=bare_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace").rstrip()
