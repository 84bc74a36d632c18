"""Checking the ledger, and taking all of it away, at two sizes: entries per second, and whether memory stays flat.

python -m bench.exporting FORM         # one export, in a process whose memory is its own; prints what it took
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ENTRIES_OF_ONE = 12
# What one size may need more than a tenth of it: buffers grow a little, nothing grows with the entries.
TARGET_GROWTH_KIB = 16_384
ROOT = Path(__file__).resolve().parent.parent


def measure(entries: int) -> dict[str, Any]:
    """Fill the empty installation with a tenth of ``entries``, then all of them; export everything at both sizes."""
    from audit.population.contracts import ExportForm
    from bench import genuine

    small = max(1, entries // 10 // ENTRIES_OF_ONE)
    genuine.record(1, small)
    checked = _check()
    before = {form: _export(form) for form in ExportForm}
    genuine.record(small + 1, entries // ENTRIES_OF_ONE)
    after = {form: _export(form) for form in ExportForm}
    compared = {f"export_{form}": _compared(before[form], after[form]) for form in before}
    return {"verify_ledger": checked, **compared}


def _check() -> dict[str, Any]:
    """What ``verify_ledger`` does, in one process."""
    from audit.log.checking import check
    from audit.models import LedgerEntry

    began = time.perf_counter()
    faults = list(check([], lambda: None))
    seconds = time.perf_counter() - began
    if faults:
        raise SystemExit(f"The bench's own ledger has a fault: {faults[0]}")
    entries = LedgerEntry.objects.count()
    return {"entries": entries, "entries_per_second": round(entries / seconds)}


def _export(form: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.exporting", form]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout))


def _compared(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    growth = large["peak_kib"] - small["peak_kib"]
    return {
        "small": small,
        "large": large,
        "entries_per_second": round(large["entries"] / large["seconds"]),
        "growth_kib": growth,
        "target": TARGET_GROWTH_KIB,
        "reached": growth <= TARGET_GROWTH_KIB,
    }


def _peak_kib() -> int:
    """Return the most resident memory of this process so far. (``getrusage`` would count its parent's too.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])


def main() -> None:
    import django

    django.setup()
    from audit.access import Everywhere
    from audit.population.contracts import ExportForm
    from audit.population.exporting import Order, Rights
    from audit.population.services import begin, steps
    from audit.search.contracts import Search

    rights = Rights(within=Everywhere(), content=Everywhere())
    form = ExportForm(sys.argv[1])
    order = Order(Search(), form, "bench", rights, lambda: rights, is_limited=False)
    began, size = time.perf_counter(), 0
    export = begin(order)
    for part in steps(export, order):
        size += len(part)
    export.refresh_from_db()
    taken = {
        "entries": export.sent,
        "bytes": size,
        "seconds": round(time.perf_counter() - began, 3),
        "peak_kib": _peak_kib(),
    }
    sys.stdout.write(json.dumps(taken))


if __name__ == "__main__":
    main()
