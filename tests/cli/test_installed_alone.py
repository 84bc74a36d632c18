"""The command line needs no Django, and no Temporal before somebody asks for a history."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.cli.terminal import BASE

_WITHOUT = """
import sys
for name in ("django", "channels", "allauth", "temporalio", "pkcs11"):
    sys.modules[name] = None
from approvals.cli.__main__ import main
sys.exit(main(["--home", "/nonexistent/home", "list"]))
"""
_READER = """
import sys
for name in ("django", "channels", "allauth"):
    sys.modules[name] = None
import workers.history_view
"""


def test_it_runs_without_django_and_without_temporal() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], cwd=BASE, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "You are not signed in here. Begin with: sign-in ADDRESS\n")


def test_histories_are_read_without_django() -> None:
    done = subprocess.run([sys.executable, "-c", _READER], cwd=BASE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_package_of_it_is_installed() -> None:
    packages = tomllib.loads((BASE / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    own = {
        path.parent.relative_to(BASE).as_posix().replace("/", ".")
        for path in (BASE / "approvals" / "cli").rglob("__init__.py")
    }
    assert own <= set(packages)
