"""The verifier in a process of its own: nothing beside it but the pure packages, no Django, no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

BASE = Path(__file__).resolve().parents[2]
PURE = ("audit/statements", "audit/verify")
_SCRIPT = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("the network was used")
socket.socket.connect = refuse
sys.modules["django"] = sys.modules["temporalio"] = sys.modules["sqlite3"] = sys.modules["psycopg"] = None
sys.path.insert(0, "")
from audit.verify.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def verify_alone(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run ``python -m audit.verify`` in ``directory``, which is made and holds nothing else; return code and output."""
    (directory / "audit").mkdir(parents=True)
    (directory / "audit" / "__init__.py").touch()
    for package in PURE:
        shutil.copytree(BASE / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        cwd=directory,
        env={"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
