"""Unsafe settings stop every command."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings

from accounts.sign_in.checks import check_addresses, check_secrets

ROOT = Path(__file__).resolve().parents[2]
GOOD_KEY = base64.b64encode(bytes(32)).decode()


def address_faults(settings: LazySettings, **values: object) -> list[str]:
    for name, value in {"DEBUG": False, "LOCAL_ACCOUNTS": False, "LOCAL_ACCOUNTS_IN_PUBLIC": False, **values}.items():
        setattr(settings, name, value)
    return [error.id for error in check_addresses()]


@pytest.mark.parametrize(
    "site_root",
    [
        "http://localhost:5050",
        "https://sign.example.com",
        "http://127.0.0.1:1",
        "http://[::1]:5050",
        "https://s.example:8443",
    ],
)
def test_usual_addresses_are_accepted(settings: LazySettings, site_root: str) -> None:
    assert address_faults(settings, SITE_ROOT=site_root) == []


@pytest.mark.parametrize(
    "site_root",
    [
        "https://sign.example.com/app",
        "https://Sign.example.com",
        "https://sign.example.com:443",
        "https://sign.example.com?x",
        "https://user@sign.example.com",
        "https://sign.example.com:port",
    ],
)
def test_an_address_that_browsers_would_sign_differently_is_refused(settings: LazySettings, site_root: str) -> None:
    assert address_faults(settings, SITE_ROOT=site_root) == ["accounts.E001"]


def test_a_public_site_without_https_is_refused(settings: LazySettings) -> None:
    assert address_faults(settings, SITE_ROOT="http://sign.example.com") == ["accounts.E002"]


def test_local_accounts_on_a_public_site_must_be_meant(settings: LazySettings) -> None:
    public = {"SITE_ROOT": "https://sign.example.com", "LOCAL_ACCOUNTS": True}
    assert address_faults(settings, **public) == ["accounts.E003"]
    assert address_faults(settings, **public, LOCAL_ACCOUNTS_IN_PUBLIC=True) == []


def test_local_accounts_on_ones_own_machine_are_fine(settings: LazySettings) -> None:
    assert address_faults(settings, SITE_ROOT="http://localhost:5050", LOCAL_ACCOUNTS=True) == []


def test_debug_on_a_public_site_is_refused(settings: LazySettings) -> None:
    assert address_faults(settings, SITE_ROOT="https://sign.example.com", DEBUG=True) == ["accounts.E004"]


@pytest.mark.parametrize("secret", ["", "secret", "a" * 60, "abc" * 20, "short-but-random-7f3Q"])
def test_a_weak_secret_key_is_refused(settings: LazySettings, secret: str) -> None:
    settings.SECRET_KEY = secret
    assert [error.id for error in check_secrets()] == ["accounts.E005"]


@pytest.mark.parametrize("key", ["", "not base64!", base64.b64encode(bytes(16)).decode(), "ä" * 44])
def test_a_missing_or_short_key_encryption_key_is_refused(settings: LazySettings, key: str) -> None:
    settings.KEY_ENCRYPTION_KEY = key
    assert [error.id for error in check_secrets()] == ["accounts.E006"]


def test_a_check_never_prints_the_secret(settings: LazySettings) -> None:
    settings.SECRET_KEY, settings.KEY_ENCRYPTION_KEY = "planted-secret", "planted-key"
    assert "planted" not in str(check_secrets())


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
    )


def test_commands_that_serve_nothing_run_without_secrets(tmp_path: Path) -> None:
    assert manage("check", DATA_DIR=str(tmp_path)).returncode == 0


def test_commands_that_touch_data_do_not_run_without_secrets(tmp_path: Path) -> None:
    finished = manage("check", "--deploy", DATA_DIR=str(tmp_path))
    assert finished.returncode == 1
    assert "accounts.E005" in finished.stderr
    assert "accounts.E006" in finished.stderr
