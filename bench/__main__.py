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
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from bench.site import Site

RESULTS = Path(__file__).parent / "results"
QUICK = ["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"]


async def _measure(temporal: str, count: int, sizes: tuple[int, int, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as directory, Site(Path(directory), temporal) as site:
        from bench import measurements

        client = await Client.connect(temporal)
        approver = measurements.Approver()
        await approver.enter()
        results: dict[str, Any] = {}
        _say("plugin cost per allowed activity")
        results["plugin_cost"] = await measurements.plugin_cost(client, count)
        _say("decide to executed")
        results["decide_to_executed"] = await measurements.decide_to_executed(client, approver, count)
        _say("gate to visible")
        results["gate_to_visible"] = await _in_chromium(site, client, approver, count)
        if sizes[-1]:
            _say("queue page and memory")
            results["queue_page"], results["memory"] = await measurements.queue_and_memory(
                client, site, approver, sizes, count
            )
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
    count = 10 if options.short else options.samples
    beside = Path(sys.executable).with_name("temporal")
    command = str(beside) if beside.exists() else shutil.which("temporal")
    results: dict[str, Any] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine()}
    servers = {"quick": (QUICK, (10, 100, 1000)), "stock": ([], (0, 0, 0))}
    if options.short:
        servers = {"quick": (QUICK, (2, 5, 10))}
    for name, (extra, sizes) in servers.items():
        if options.server not in ("both", name):
            continue
        sys.stderr.write(f"Temporal development server: {name}\n")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=command, dev_server_extra_args=extra, dev_server_log_level="error"
        ) as environment:
            address = environment.client.service_client.config.target_host
            results[name] = await _measure(address, count, sizes)
    return results


def _print(results: dict[str, Any]) -> None:
    for server in ("quick", "stock"):
        for name, result in results.get(server, {}).items():
            figure = next(result[key] for key in ("ratio", "cost_ms", "kib_per_waiting_request") if key in result)
            verdict = "reached" if result["reached"] else "MISSED"
            sys.stdout.write(f"{server:6} {name:20} {figure:8} (target {result['target']}) {verdict}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Countersign against its floor.")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--short", action="store_true", help="a few samples, to see that everything is measured")
    parser.add_argument("--server", choices=["both", "quick", "stock"], default="both")
    options = parser.parse_args()
    results = asyncio.run(_run(options))
    _print(results)
    if not options.short:
        RESULTS.mkdir(exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y-%m-%d-%H%M")
        (RESULTS / f"{stamp}.json").write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
