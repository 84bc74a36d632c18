"""An empty installation, made once per run of the tests and copied: to migrate and collect takes seconds.

That an installation is made from nothing is tested in ``tests/workers/test_demo.py``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "countersign.sqlite3"
_COMMANDS = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", interactive=False, verbosity=0)
call_command("createcachetable", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
"""


def prepare(directory: Path) -> None:
    """Put the tables and the static files of an installation into ``directory``, unless there is one; no keys."""
    if not (directory / DATABASE).exists():
        shutil.copytree(_empty(), directory, dirs_exist_ok=True)


def _empty() -> Path:
    """Return the empty installation of this run, whose processes share a data directory; the first makes it."""
    directory = Path(os.environ["DATA_DIR"]) / "empty-installation"
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            making = Path(tempfile.mkdtemp(prefix="empty-", dir=directory.parent))
            _make(making)
            making.rename(directory)
    return directory


def _make(directory: Path) -> None:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATA_DIR": str(directory),
        "SECRET_KEY": "only-for-tables-and-static-files-" + "0" * 32,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    subprocess.run([sys.executable, "-c", _COMMANDS], cwd=ROOT, env=environment, check=True)
