"""A real Chromium for the tests, wherever it is installed."""

from __future__ import annotations

import os
import shutil
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch_options() -> dict[str, Any]:
    """Return Playwright's launch options for an installed browser, or for Playwright's own."""
    installed = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    options: dict[str, Any] = {"args": [*_QUIET, *sandbox], "headless": True}
    return {**options, "executable_path": installed} if installed else options
