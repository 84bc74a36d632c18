"""What the command line keeps between commands, in a directory that only its owner can read.

session.json   {"site", "token", "external_id", "display_name", "expires_at"}
key.json       {"custody": "passphrase" | "pkcs11", "site", "external_id", "name", "public_key", and
                "file": see ``keepers.passphrase``, or "place": {"module", "token", "key"}}
roots.json     {"site", "roots": [public keys in hexadecimal]}: what was pinned when the key was made
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from approvals.cli.failures import CannotGoOn

DEFAULT = Path("~/.config/countersign")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
SESSION, KEY, ROOTS = "session.json", "key.json", "roots.json"


class Home:
    """The directory. It is made, for its owner alone, when the first file is written."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a file's content, or None if there is none. Raises ``CannotGoOn``."""
        file = self.path / name
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CannotGoOn(f"{file} cannot be read ({error.strerror}).") from error
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as opened:
            if os.fstat(opened.fileno()).st_mode & _OTHERS:
                raise CannotGoOn(f"{file} can be read or changed by others. Look into who did, then: chmod 600 {file}")
            try:
                content = json.load(opened)
            except (ValueError, RecursionError) as error:
                raise CannotGoOn(f"{file} is damaged. Move it away and begin again.") from error
        if not isinstance(content, dict):
            raise CannotGoOn(f"{file} is damaged. Move it away and begin again.")
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write a file whole or not at all. Raises ``CannotGoOn``."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & _OTHERS:
                raise CannotGoOn(f"{self.path} is open to others. Choose another --home, or: chmod 700 {self.path}")
            # Made for its owner alone, and moved into place: a crash leaves the old file.
            descriptor, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                    json.dump(content, opened, indent=1)
                    opened.write("\n")
                    opened.flush()
                    os.fsync(opened.fileno())
                Path(temporary).replace(self.path / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            raise CannotGoOn(f"{self.path / name} cannot be written ({error.strerror}).") from error

    def forget(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)
