"""An archive in a folder. What is written is on the disk before it has its name, and is never written over."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from workers.export.errors import NotInArchive, TargetRefused, TargetUnreachable, TargetUnusable
from workers.export.histories import MAXIMUM_BYTES

# What a process that was killed leaves behind; never a name of the archive.
_UNFINISHED = ".unfinished-"


class Folder:
    """Names are paths below ``root``. A folder keeps no retention: its file system, or its backup, has to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self) -> None:
        if not self._root.is_dir():
            raise TargetUnusable(f"There is no folder {self._root}. Make it, for this process to write in.")
        with _told(self._root):
            self._write(self._root, b"").unlink()

    def put(self, name: str, content: bytes, *, retain_until: datetime) -> bool:
        path = self._path(name)
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                return False
            unfinished = self._write(path.parent, content)
            try:
                os.link(unfinished, path)  # unlike a rename it takes nobody's place
            except FileExistsError:
                return False
            finally:
                unfinished.unlink()
            _sync(path.parent)
        return True

    def get(self, name: str) -> bytes:
        path = self._path(name)
        with _told(path):
            try:
                if path.stat().st_size > MAXIMUM_BYTES:
                    raise NotInArchive(f"{path} is larger than anything that an export writes.")
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotInArchive(f"There is no {path}.") from None

    def names(self, folder: str, *, after: str = "") -> Iterator[str]:
        top = self._path(folder)
        with _told(top):
            found = sorted(
                path.relative_to(self._root).as_posix()
                for path in top.rglob("*")
                if path.is_file() and not path.name.startswith(_UNFINISHED)
            )
        yield from (name for name in found if name > after)

    def folders(self) -> Iterator[str]:
        with _told(self._root):
            yield from sorted(path.name for path in self._root.iterdir() if path.is_dir())

    def _path(self, name: str) -> Path:
        return self._root / name

    def _write(self, folder: Path, content: bytes) -> Path:
        path = folder / f"{_UNFINISHED}{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        except OSError:
            path.unlink()
            raise
        return path


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise TargetRefused(f"{path} cannot be used by this process ({error.strerror}).") from None
        raise TargetUnreachable(f"{path} cannot be used now ({error.strerror}).") from None
