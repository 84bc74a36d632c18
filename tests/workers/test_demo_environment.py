"""The demo's environment: made once, private, and out of the way of a real installation."""

from __future__ import annotations

import stat
from pathlib import Path

from config import demo


def test_it_is_made_once_and_read_by_its_owner_only(tmp_path: Path):
    first: dict[str, str] = {}
    demo.prepare(tmp_path, first)
    again: dict[str, str] = {}
    demo.prepare(tmp_path, again)
    assert first == again
    assert first["LOCAL_ACCOUNTS"] == "true"
    files = list((tmp_path / "var").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    assert len(Path(first["SECRET_KEY_FILE"]).read_text().strip()) >= 50


def test_the_real_environment_wins(tmp_path: Path):
    environment = {"LOG_LEVEL": "DEBUG", "KEY_ENCRYPTION_KEY": "mine"}
    demo.prepare(tmp_path, environment)
    assert environment["LOG_LEVEL"] == "DEBUG"
    assert environment["KEY_ENCRYPTION_KEY"] == "mine"
    assert "KEY_ENCRYPTION_KEY_FILE" not in environment


def test_another_command_finds_the_demos_data_again(tmp_path: Path):
    made: dict[str, str] = {}
    demo.prepare(tmp_path, made)
    later: dict[str, str] = {}
    demo.load(tmp_path, later)
    assert later == made


def test_an_installation_with_its_own_secret_never_reads_it(tmp_path: Path):
    demo.prepare(tmp_path, {})
    environment = {"SECRET_KEY": "production"}
    demo.load(tmp_path, environment)
    assert environment == {"SECRET_KEY": "production"}


def test_without_a_demo_nothing_is_set(tmp_path: Path):
    environment: dict[str, str] = {}
    demo.load(tmp_path, environment)
    assert environment == {}
