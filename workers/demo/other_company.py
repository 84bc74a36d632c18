"""The demo's MCP server and its authorization server: another company's program, and what a sign-in there would give.

The person whom the agent works for has let it act for them: their refresh token, and the agent's own secret, are where
credentials of development are, in private files that the environment names.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Self

from django.conf import settings

from workers.credentials.providers.environment import variable_of
from workers.demo.approver import bare_environment
from workers.development_server import die_with_parent
from workers.errors import StartFailed
from workers.mcp.contracts import client_secret_name, subject_token_name

START_SECONDS = 60.0


def require_room_for_credentials() -> None:
    """Raise ``StartFailed`` unless credentials come from where this demo can put some."""
    if settings.CREDENTIALS != "environment":
        raise StartFailed("The demo of MCP keeps its credentials in the environment: unset CREDENTIALS for it.")


class OtherCompany:
    """``python -m workers.demo.desk`` as a child, from ``__aenter__`` to ``__aexit__``: its agent, its person."""

    def __init__(self, *, agent: str, person: str) -> None:
        self._agent, self._person = agent, person
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        client_secret, refresh_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        await asyncio.to_thread(self._keep, client_secret, refresh_token)
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "workers.demo.desk",
            cwd=settings.BASE_DIR,
            env=bare_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # The demo may be killed; nobody would tell this program.
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        assert process.stdin is not None  # noqa: S101  both are pipes
        assert process.stdout is not None  # noqa: S101
        registry = {
            "person": self._person,
            "agent": self._agent,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }
        process.stdin.write(json.dumps(registry).encode() + b"\n")
        port = await _port(process.stdout)
        settings.MCP_URL = f"http://127.0.0.1:{port}/mcp"
        settings.MCP_TOKEN_ENDPOINT = f"http://127.0.0.1:{port}/token"
        return self

    async def __aexit__(self, *ending: object) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            await process.wait()

    def _keep(self, client_secret: str, refresh_token: str) -> None:
        directory = Path(settings.DATA_DIR) / "other-company"
        directory.mkdir(mode=0o700, exist_ok=True)
        for name, text in (
            (client_secret_name(self._agent), client_secret),
            (subject_token_name(self._person), refresh_token),
        ):
            variable = variable_of(name)
            path = directory / variable.lower()
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
            os.environ[f"{variable}_FILE"] = str(path)


async def _port(said: asyncio.StreamReader) -> int:
    try:
        async with asyncio.timeout(START_SECONDS):
            word, _, port = (await said.readline()).decode().strip().partition(" ")
    except TimeoutError:
        word = port = ""
    if word != "listening" or not port.isdigit():
        raise StartFailed("The demo's MCP server did not start.")
    return int(port)
