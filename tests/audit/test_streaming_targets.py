"""Where entries may go, and what a target does with them: files, and HTTPS with what it is checked for."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from audit.streaming.contracts import TargetError
from audit.streaming.files import FileTarget
from audit.streaming.https import HttpsTarget
from config import env
from tests.audit.siem import Siem, serving
from tests.gateway.issuing import Authority
from workers.errors import StartFailed
from workers.streaming import configured_target


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def siem(tmp_path: Path, authority: Authority) -> Iterator[Siem]:
    with serving(tmp_path, authority) as found:
        yield found


def to(siem: Siem, authority: Authority, **options: Any) -> HttpsTarget:
    return HttpsTarget(siem.url, authorities=authority.certificate.decode(), **options)


def in_file(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_a_file_is_private_and_grows_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    await FileTarget(path).send(b'{"id":"1"}\n')
    await FileTarget(path).send(b'{"id":"2"}\n')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line["id"] for line in in_file(path)] == ["1", "2"]


async def test_half_a_line_of_a_killed_process_is_ended_and_the_entry_follows_whole(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    path.write_bytes(b'{"id":"1"}\n{"id":"2","at":"20')
    await FileTarget(path).send(b'{"id":"2"}\n')
    assert path.read_bytes() == b'{"id":"1"}\n{"id":"2","at":"20\n{"id":"2"}\n'


async def test_a_file_that_is_rotated_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "entries.jsonl"
    target = FileTarget(path)
    await target.send(b'{"id":"1"}\n')
    path.rename(tmp_path / "entries.jsonl.1")
    await target.send(b'{"id":"2"}\n')
    assert [line["id"] for line in in_file(path)] == ["2"]


async def test_lines_that_went_into_a_file_deleted_meanwhile_go_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "entries.jsonl", os.fsync

    def fsync(file: int) -> None:
        real(file)
        monkeypatch.setattr(os, "fsync", real)
        path.unlink()

    monkeypatch.setattr(os, "fsync", fsync)
    await FileTarget(path).send(b'{"id":"1"}\n')
    assert [line["id"] for line in in_file(path)] == ["1"]


@pytest.mark.parametrize("hindrance", ["a directory", "a link", "a pipe", "no directory"])
async def test_what_is_no_file_is_told_and_not_written_to(tmp_path: Path, hindrance: str) -> None:
    path = tmp_path / "entries.jsonl"
    make: dict[str, Callable[[], object]] = {
        "a directory": path.mkdir,
        "a link": lambda: path.symlink_to(tmp_path / "elsewhere"),
        "a pipe": lambda: os.mkfifo(path),
        "no directory": lambda: None,
    }
    make[hindrance]()
    with pytest.raises(TargetError, match=r"entries.jsonl.* (cannot be written|is no regular file)"):
        await FileTarget(path / "x" if hindrance == "no directory" else path).send(b"{}\n")
    assert not (tmp_path / "elsewhere").exists()


async def test_a_certificate_of_another_authority_gets_nothing(siem: Siem) -> None:
    with pytest.raises(TargetError, match="its certificate does not verify"):
        await to(siem, Authority()).send(b"{}\n")
    with pytest.raises(TargetError, match="its certificate does not verify"):
        await HttpsTarget(siem.url).send(b"{}\n")
    assert siem.asked == []


async def test_a_certificate_for_another_host_gets_nothing(siem: Siem, authority: Authority) -> None:
    elsewhere = HttpsTarget(
        siem.url.replace("localhost", "127.0.0.2"), authorities=authority.certificate.decode(), seconds=5
    )
    with pytest.raises(TargetError):
        await elsewhere.send(b"{}\n")
    assert siem.asked == []


@pytest.mark.parametrize("text", ["", "two\nlines", "é", "x" * 9000, None])
async def test_a_token_file_without_a_token_is_told(
    siem: Siem, authority: Authority, tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "token").write_text(text)
    with pytest.raises(TargetError, match="SIEM_TOKEN_FILE") as raised:
        await to(siem, authority, token_file=tmp_path / "token").send(b"{}\n")
    assert not raised.value.heals
    assert siem.asked == []


@pytest.mark.parametrize("target", ["https://siem.example.com/x", "http://127.0.0.1:8088/x", "/var/log/x.jsonl"])
def test_a_target_that_is_safe_is_taken(monkeypatch: pytest.MonkeyPatch, target: str, settings: Any) -> None:
    monkeypatch.setenv("SIEM_TARGET", target)
    assert env.stream_target("SIEM_TARGET") == target
    settings.SIEM_TARGET = target
    assert isinstance(configured_target(), FileTarget if target.startswith("/var") else HttpsTarget)


@pytest.mark.parametrize(
    "target",
    ["http://siem.example.com/x", "http://localhost.example.com", "https://u:s3cret@siem.example.com", "entries.jsonl",
     "/var/log/", "ftp://localhost/x", "https://", "https://siem:0/x"],
)  # fmt: skip
def test_a_target_that_others_could_read_is_refused(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv("SIEM_TARGET", target)
    with pytest.raises(ImproperlyConfigured, match="SIEM_TARGET must be") as raised:
        env.stream_target("SIEM_TARGET")
    assert "s3cret" not in str(raised.value)


def test_authorities_that_are_none_keep_the_process_from_starting(settings: Any) -> None:
    settings.SIEM_TARGET, settings.SIEM_CA = "https://siem.example.com/x", "no certificate"
    with pytest.raises(StartFailed, match="SIEM_CA"):
        configured_target()
