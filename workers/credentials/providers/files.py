"""Credentials from a directory, for development: the file ``<directory>/<name>`` holds one, for its owner alone.

It is read whenever it is asked for, so that a file that was replaced counts from the next activity on.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from workers.credentials.errors import CredentialMissing, CredentialRefused
from workers.credentials.scope import Scope

_MAXIMUM_BYTES = 256 * 1024


class FileProvider:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def fetch(self, name: str, scope: Scope) -> str:
        return await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> str:
        path = self._directory / name
        try:
            if any(_is_open(place, stat.S_IWGRP | stat.S_IWOTH) for place in _directories(self._directory, path)):
                raise CredentialRefused(
                    f"Others can write where the credential {name} is. Run: chmod -R go= on its directory."
                )
            # A pipe must not make the worker wait.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
                _require_private(name, os.fstat(file.fileno()))
                return file.read(_MAXIMUM_BYTES).decode().strip()
        except FileNotFoundError:
            raise CredentialMissing(f"There is no file for the credential {name} in the directory of them.") from None
        except (OSError, ValueError):
            raise CredentialRefused(f"The file of the credential {name} cannot be read as text.") from None


def _directories(first: Path, path: Path) -> list[Path]:
    inside = [parent for parent in path.parents if parent.is_relative_to(first)]
    return inside or [first]


def _is_open(path: Path, bits: int) -> bool:
    return bool(path.stat().st_mode & bits)


def _require_private(name: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CredentialRefused(f"The credential {name} is no file.")
    if found.st_uid not in (os.getuid(), 0):
        raise CredentialRefused(f"The file of the credential {name} belongs to somebody else.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialRefused(f"Others can read the file of the credential {name}. Run: chmod 600 on it.")
