"""The command line as a person runs it: a process of its own, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90
PASSPHRASE = "four words do well"


@dataclass
class Ended:
    code: int
    output: str
    errors: str

    def __bool__(self) -> bool:
        return self.code == 0


class CommandLine:
    """Runs ``python -m approvals.cli`` with ``home``; nobody is at its terminal."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.home = directory / "home"
        self.secret = directory / "secret"
        self.secret.write_text(f"{PASSPHRASE}\n")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "SOFTHSM2_CONF") if name in os.environ}
        self._environment = {**kept, "PYTHONUTF8": "1", "COUNTERSIGN_HOME": str(self.home), **environment}

    def run(self, *arguments: str) -> Ended:
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert "Traceback" not in errors, errors
        return Ended(process.returncode, output, errors)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "approvals.cli", *arguments],
            cwd=BASE,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def sign_in(self, site: str, token: str) -> Ended:
        file = self.secret.with_name("token")
        file.write_text(f"{token}\n")
        return self.run("sign-in", site, "--token-file", str(file))

    def enrol(self, *options: str) -> Ended:
        return self.run("enrol", "--name", "Terminal", "--secret-file", str(self.secret), *options)

    def decide(self, verb: str, request_id: str, *options: Any) -> Ended:
        return self.run(verb, request_id, "--secret-file", str(self.secret), *map(str, options))
