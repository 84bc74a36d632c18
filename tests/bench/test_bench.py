"""The bench measures everything it promises. Its figures are for a quiet machine, so none is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.source import ROOT

MEASURED = ["decide_to_executed", "decide_while_others_wait", "gate_to_visible", "memory", "plugin_cost", "queue_page"]


@pytest.mark.temporal
@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_short_bench_measures_everything(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "bench", "--short", "--server", "quick", "--into", str(results)]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    measured = json.loads(results.read_text())
    assert sorted(measured) == MEASURED
    for name in ("decide_to_executed", "gate_to_visible"):
        assert 0 < measured[name]["floor"]["median"] < measured[name]["ours"]["median"], measured[name]
