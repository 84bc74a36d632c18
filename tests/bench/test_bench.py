"""The bench measures everything it promises. Its figures are for a quiet machine, so none is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.config.source import ROOT

MEASURED = ["decide_to_executed", "decide_while_others_wait", "gate_to_visible", "memory", "plugin_cost", "queue_page"]
MEASURED_ON_POSTGRESQL = {
    "exports": ["export_bundle", "export_csv", "export_jsonl", "verify_ledger"],
    "million": ["follow", "integrate", "search"],
}
# A bench makes its own installation.
OF_THE_TESTS = {"DATABASE_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE", "TEST_DATABASE"}


@pytest.mark.temporal
@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_short_bench_measures_everything(tmp_path: Path) -> None:
    measured = _measured("quick", tmp_path)
    assert sorted(measured) == MEASURED
    for name in ("decide_to_executed", "gate_to_visible"):
        assert 0 < measured[name]["floor"]["median"] < measured[name]["ours"]["median"], measured[name]


def test_verifying_is_measured_beside_tenuo_alone(tmp_path: Path) -> None:
    measured = _measured("evidence", tmp_path)
    assert "verify_bundle_2_processes" in measured
    for one in measured.values():
        assert 0 < one["ratio"] < 1, one
        assert 0 < one["floor"]["median"] < one["ours"]["median"], one


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("part", "names"), MEASURED_ON_POSTGRESQL.items())
def test_a_large_ledger_is_measured(part: str, names: list[str], tmp_path: Path) -> None:
    assert sorted(_measured(part, tmp_path)) == names


def _measured(part: str, directory: Path) -> dict[str, Any]:
    results = directory / "results.json"
    command = [sys.executable, "-m", "bench", "--short", "--part", part, "--into", str(results)]
    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(results.read_text()))
