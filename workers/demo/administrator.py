"""The demo's security administrator: another program with a key of its own, which endorses approvers' keys."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings

from workers.demo.approver import bare_environment
from workers.development_server import die_with_parent

KEY_FILE = "demo-security-administrator.key"


class Administrator:
    """``python -m approvals.cli.endorser`` as a child. It gets a sign-in link and none of the server's settings."""

    def __init__(self, *, link: str, people: Sequence[str], complain: Callable[[str], None]) -> None:
        key = Path(settings.DATA_DIR) / KEY_FILE
        self._arguments = ["--link", link, "--key", str(key), *(f"--person={person}" for person in people)]
        self._complain = complain

    async def run(self) -> int:
        """Run the program until cancelled; return its exit code if it ends before. Only its complaints are told."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "approvals.cli.endorser",
            *self._arguments,
            cwd=settings.BASE_DIR,
            env=bare_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # The demo may be killed; nobody would tell this program.
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        assert process.stderr is not None  # noqa: S101  it is a pipe
        try:
            async for line in process.stderr:
                self._complain(f"[key]    {line.decode(errors='replace').rstrip()}")
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
