"""An empty installation, made once per process of the tests and copied: to migrate and collect takes seconds.

That an installation is made from nothing is tested in ``tests/workers/test_demo.py``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
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


@lru_cache(maxsize=1)
def _empty() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="countersign-empty-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATA_DIR": str(directory),
        "SECRET_KEY": "only-for-tables-and-static-files-" + "0" * 32,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    subprocess.run([sys.executable, "-c", _COMMANDS], cwd=ROOT, env=environment, check=True)
    return directory
