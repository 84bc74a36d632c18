"""A PKCS#11 token in software. Its driver reads its configuration once per process, so a process has one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOKEN = "Ada"
PIN = "493817"
_DRIVERS = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
            "/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")  # fmt: skip


@pytest.fixture(scope="session")
def driver() -> str:
    """SoftHSM's driver; its absence is a failure, not a reason to skip."""
    found = os.environ.get("SOFTHSM2_MODULE") or next((path for path in _DRIVERS if Path(path).exists()), None)
    if not found or not shutil.which("softhsm2-util"):
        pytest.fail("SoftHSM is missing: sh tests/cli/install.sh, or set SOFTHSM2_MODULE to its driver.")
    return found


@pytest.fixture(scope="session")
def token(driver: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SoftHSM with one token, “Ada”; return its driver."""
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "97531246"],
        check=True,
        capture_output=True,
    )
    return driver
