"""``python -m bench``: measure, print ratios, and leave the results as JSON in ``bench/results/``.

Ratios count, not times: every measurement runs beside its floor, on the same server, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from bench.site import Site

RESULTS = Path(__file__).parent / "results"
# The server's flags, and how many runs wait when what should not depend on it is measured (none: it is not).
SERVERS: dict[str, tuple[list[str], Sequence[int]]] = {
    "quick": (["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"], (1, 10, 100, 1000)),
    "stock": ([], ()),
}


async def _measure(temporal: str, count: int, sizes: Sequence[int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as directory, Site(Path(directory), temporal) as site:
        from bench import measurements
        from workers.client import connect

        client = await connect(address=temporal)
        approver = measurements.Approver()
        await approver.enter()
        results: dict[str, Any] = {}
        _say("plugin cost per allowed activity")
        results["plugin_cost"] = await measurements.plugin_cost(client, count)
        _say("decide to executed")
        results["decide_to_executed"] = await measurements.decide_to_executed(client, approver, count)
        _say("gate to visible")
        results["gate_to_visible"] = await _in_chromium(site, client, approver, count)
        if sizes:
            _say("with more and more runs waiting: queue page, decide to executed, memory")
            results |= await measurements.while_others_wait(client, site, approver, sizes, count)
        return results


async def _in_chromium(site: Site, client: Client, approver: Any, count: int) -> dict[str, object]:
    from asgiref.sync import sync_to_async
    from playwright.async_api import async_playwright

    from bench.measurements import WATCH_CARDS, gate_to_visible
    from bench.site import create_approver
    from tests.browser.chromium import launch_options

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch_options())
        page = await browser.new_page()
        await page.goto(await sync_to_async(create_approver)())
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{site.address}/approvals/")
        await page.goto(f"{site.address}/approvals/")
        await page.locator("live-queue[data-state=live]").wait_for()
        await page.evaluate(WATCH_CARDS)
        return await gate_to_visible(client, approver, page, count)


def _say(line: str) -> None:
    sys.stderr.write(f"measuring {line} ...\n")


def _machine() -> dict[str, Any]:
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processors": os.cpu_count(),
        "processor": model or platform.processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "temporalio": version("temporalio"),
        "tenuo": version("tenuo"),
        "database": "SQLite",
    }


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure on one server. Django reads its settings once, so a process measures one installation."""
    count = 5 if options.short else options.samples
    beside = Path(sys.executable).with_name("temporal")
    command = str(beside) if beside.exists() else shutil.which("temporal")
    extra, sizes = SERVERS[options.server]
    if options.short:
        sizes = (1, 2, 4, 6)
    sys.stderr.write(f"Temporal development server: {options.server}\n")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=command, dev_server_extra_args=extra, dev_server_log_level="error"
    ) as environment:
        address = environment.client.service_client.config.target_host
        return await _measure(address, count, sizes)


def _in_a_process(server: str) -> dict[str, Any]:
    """Measure on ``server`` in a fresh process, with this one's options."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [sys.executable, "-m", "bench", *sys.argv[1:], "--server", server, "--into", answer.name]
        subprocess.run(command, check=True, cwd=RESULTS.parent.parent)
        return dict(json.load(answer))


def _print(results: dict[str, Any]) -> None:
    for server in ("quick", "stock"):
        for name, result in results.get(server, {}).items():
            figure = next(result[key] for key in ("ratio", "cost_ms", "kib_per_waiting_request") if key in result)
            verdict = "reached" if result["reached"] else "MISSED"
            sys.stdout.write(f"{server:6} {name:20} {figure:8} (target {result['target']}) {verdict}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Countersign against its floor.")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--short", action="store_true", help="a few samples on one server: is everything measured?")
    parser.add_argument("--server", choices=["both", *SERVERS], default="both")
    parser.add_argument("--into", type=Path, help="measure one server in this process, and write its results here")
    options = parser.parse_args()
    if options.into:
        options.into.write_text(json.dumps(asyncio.run(_run(options))))
        return 0
    servers = list(SERVERS) if options.server == "both" and not options.short else [options.server]
    servers = ["quick" if server == "both" else server for server in servers]
    now = datetime.now(UTC)
    results = {"measured_at": now.isoformat(timespec="seconds"), "machine": _machine()}
    results |= {server: _in_a_process(server) for server in servers}
    _print(results)
    if not options.short:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{now:%Y-%m-%d-%H%M}.json").write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
