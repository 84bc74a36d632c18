"""kill -9 of every process while people decide: 20 requests here, 200 in ``make chaos``."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.config.source import ROOT
from tests.workers.processes import _mentioning


@pytest.mark.temporal
@pytest.mark.timeout(400)
def test_nothing_is_lost_doubled_or_stuck_while_every_process_is_killed() -> None:
    # One process of each kind, on SQLite: whoever dies is missed. Other names of the environment are not inherited.
    command = [sys.executable, "-m", "chaos", "--requests", "20", "--kills", "6", "--pause", "2", "--each", "1"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    ended = subprocess.run(
        [*command, "--database", "sqlite"], cwd=ROOT, env=kept, capture_output=True, text=True, timeout=380
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("lost", "doubled", "without quorum", "stuck", "evidence"):
        assert f"{name:15} 0\n" in ended.stdout
    directory = ended.stdout.splitlines()[0].split()[-1]
    assert not list(_mentioning(directory)), "Processes were left behind."
