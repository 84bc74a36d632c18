"""The archive in a folder: on the disk before it has its name, never written over, refused in a sentence."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.export.archives import namespaces_in, open_archive
from workers.export.errors import NotInArchive, TargetRefused, TargetUnreachable, TargetUnusable
from workers.export.folder import Folder

THEN = datetime(2033, 3, 2, tzinfo=UTC)


def test_what_is_written_can_be_read_and_listed(folder: Path) -> None:
    archive = open_archive(folder.as_uri())
    archive.check()
    for name in ("one/manifests/2", "one/manifests/1", "two/objects/aa/1"):
        assert archive.put(name, name.encode(), retain_until=THEN)
    assert archive.get("two/objects/aa/1") == b"two/objects/aa/1"
    assert list(archive.names("one/manifests")) == ["one/manifests/1", "one/manifests/2"]
    assert list(archive.names("one/manifests", after="one/manifests/1")) == ["one/manifests/2"]
    assert namespaces_in(archive) == ["one", "two"]
    for missing in ("one/manifests/3", "one/manifests", "one/manifests/1/2"):
        with pytest.raises(NotInArchive):
            archive.get(missing)


def test_nothing_is_written_over_even_by_two_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Folder(folder)
    assert archive.put("one/1", b"1", retain_until=THEN)
    assert not archive.put("one/1", b"2", retain_until=THEN)
    # As when somebody else writes it between the look and the write.
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert not archive.put("one/1", b"2", retain_until=THEN)
    assert archive.get("one/1") == b"1"
    assert [path.name for path in (folder / "one").iterdir()] == ["1"]


def test_what_a_killed_process_left_behind_is_no_part_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Folder(folder)
    archive.put("one/1", b"1", retain_until=THEN)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        archive.put("one/2", b"2", retain_until=THEN)
    monkeypatch.undo()
    assert len(list((folder / "one").iterdir())) == 2
    assert list(archive.names("one")) == ["one/1"]
    assert archive.put("one/2", b"2", retain_until=THEN)


def test_what_is_no_folder_is_refused_at_start(folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    for path in (folder / "none", folder / "file"):
        with pytest.raises(TargetUnusable, match="There is no folder"):
            Folder(path).check()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_may_not_be_written_to_is_refused(folder: Path, monkeypatch, number: int) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(TargetRefused, match="cannot be used by this process"):
        Folder(folder).check()
    with pytest.raises(TargetRefused):
        Folder(folder).put("one/1", b"1", retain_until=THEN)


def test_a_disk_that_fails_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(TargetUnreachable, match="Input/output error"):
        Folder(folder).put("one/1", b"1", retain_until=THEN)
