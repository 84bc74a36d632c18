"""Where exports are kept: a folder, or a bucket with object lock. Chosen by one setting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from workers.export.errors import ForeignContent, TargetUnusable
from workers.export.folder import Folder
from workers.export.s3 import Bucket

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


class Archive(Protocol):
    """Named bytes that are written once. Names have the form ``folder/file``; calls may take seconds.

    Every call raises ``ExportError``: ``TargetUnreachable`` if the same may succeed later.
    """

    def check(self) -> None:
        """Raise ``TargetUnusable`` if exports cannot be kept here, as far as that can be told without writing."""
        ...

    def put(self, name: str, content: bytes, *, retain_until: datetime) -> bool:
        """Write ``content`` under ``name`` for good; return False, and leave it, if there is something already."""
        ...

    def get(self, name: str) -> bytes:
        """Return what is under ``name``. Raises ``NotInArchive``."""
        ...

    def names(self, folder: str, *, after: str = "") -> Iterator[str]:
        """Return the names in and below ``folder`` that sort after ``after``, in order."""
        ...

    def folders(self) -> Iterator[str]:
        """Return the names of the folders at the top."""
        ...


def open_archive(target: str) -> Archive:
    """Return the archive at ``target``: ``file:///folder``, a folder's path, or ``s3://bucket/prefix``.

    Raises ``TargetUnusable`` for anything else. Nothing is read yet.
    """
    parts = urlsplit(target)
    if parts.scheme == "s3" and parts.netloc and not parts.query and not parts.fragment:
        return Bucket(parts.netloc, parts.path.strip("/"))
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return Folder(Path(unquote(parts.path)))
    if not parts.scheme and target:
        return Folder(Path(target))
    raise TargetUnusable(f"{target!r} names no place for exports. Use file:///folder or s3://bucket/prefix.")


class Shelf:
    """The part of an archive that belongs to one namespace."""

    def __init__(self, archive: Archive, namespace: str) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise TargetUnusable(f"{namespace!r} is not the name of a namespace.")
        self.namespace = namespace
        self._archive = archive

    def put_same(self, name: str, content: bytes, *, retain_until: datetime) -> None:
        """Write ``content``, or find it there. Raises ``ForeignContent`` if other bytes have its name."""
        if self._archive.put(self._place(name), content, retain_until=retain_until):
            return
        if self.get(name) != content:
            raise ForeignContent(
                f"{self._place(name)} holds something else than this export would write there. Nothing is written "
                "over: find out who wrote it."
            )

    def get(self, name: str) -> bytes:
        return self._archive.get(self._place(name))

    def names(self, folder: str, *, after: str = "") -> Iterator[str]:
        start = len(self.namespace) + 1
        for name in self._archive.names(self._place(folder), after=self._place(after) if after else ""):
            yield name[start:]

    def _place(self, name: str) -> str:
        return f"{self.namespace}/{name}"


def namespaces_in(archive: Archive) -> list[str]:
    """Return the namespaces that an archive holds exports of."""
    return sorted(name for name in archive.folders() if _NAMESPACE.fullmatch(name))
