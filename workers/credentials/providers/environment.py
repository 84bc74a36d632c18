"""Credentials from variables, for development: ``anthropic-api-key`` is ANTHROPIC_API_KEY.

Or the file that ANTHROPIC_API_KEY_FILE names. Either is read when it is asked for.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from workers.credentials.errors import CredentialMissing
from workers.credentials.scope import Scope


class EnvironmentProvider:
    async def fetch(self, name: str, scope: Scope) -> str:
        return await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> str:
        variable = variable_of(name)
        path = os.environ.get(f"{variable}_FILE", "")
        try:
            text = Path(path).read_text().strip() if path else os.environ.get(variable, "").strip()
        except (OSError, ValueError):
            raise CredentialMissing(f"{variable}_FILE names a file that cannot be read.") from None
        if not text:
            raise CredentialMissing(f"Set {variable}, or {variable}_FILE, to the credential {name}.")
        return text


def variable_of(name: str) -> str:
    return name.upper().replace("-", "_").replace("/", "_")
