"""Lines at the end of a file, which only its owner can read; other programs may rename it away at any time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
from pathlib import Path

from audit.streaming.contracts import TargetError

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileTarget:
    """The file at ``path``, made with permissions 0600 where there is none. It is opened anew for every batch."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    async def send(self, data: bytes) -> None:
        try:
            await asyncio.to_thread(self._append, data)
        except OSError as error:
            raise TargetError(f"{self.name} cannot be written: {error.strerror or type(error).__name__}.") from error

    def _append(self, data: bytes) -> None:
        """Write ``data`` durably to what has the name now. Lines that went into a file renamed meanwhile go again."""
        is_kept = False
        while not is_kept:
            is_new = not self._path.exists()
            file = os.open(self._path, _FLAGS, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise TargetError(f"{self.name} is no regular file.", heals=False)
                # Several processes may write lines of different logs.
                fcntl.flock(file, fcntl.LOCK_EX)
                _write(file, (b"" if _ends_with_a_line(file) else b"\n") + data)
                os.fsync(file)
                is_kept = self._is_still(file)
            finally:
                os.close(file)
        if is_new:
            self._keep_name()

    def _is_still(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), os.stat(self._path, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def _keep_name(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _ends_with_a_line(file: int) -> bool:
    """Whether nothing is left of a process that was killed in the middle of a line."""
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
