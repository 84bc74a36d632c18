"""``python -m bench``: measure, print ratios, and leave the results as JSON in ``bench/results/``.

Ratios count, not times: every measurement runs beside its floor, on the same server, in the same run. Each part runs
in a process of its own.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from bench.site import Site

RESULTS = Path(__file__).parent / "results"
# What is said of a measurement on one line: the first of these that it has.
FIGURES = ("ratio", "cost_ms", "kib_per_waiting_request", "page_ms", "growth_kib", "entries_per_second")
# The server's flags, and how many runs wait when what should not depend on it is measured (none: it is not).
SERVERS: dict[str, tuple[list[str], Sequence[int]]] = {
    "quick": (["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"], (1, 10, 100, 1000)),
    "stock": ([], ()),
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the parts without a Temporal server are given to do."""

    incidents: int  # in the bundle that is verified
    exported: int  # entries
    searched: int  # entries
    rounds: int


LONG = Sizes(incidents=300, exported=200_000, searched=1_000_000, rounds=7)
SHORT = Sizes(incidents=4, exported=120, searched=600, rounds=1)


def _evidence(sizes: Sizes) -> dict[str, Any]:
    from bench import evidence

    _say("verifying a bundle")
    measured = {"verify_bundle": evidence.verification(sizes.incidents, sizes.rounds)}
    for jobs in sorted({2, os.cpu_count() or 2}):
        _say(f"verifying a bundle with {jobs} processes")
        by_command = evidence.verification_by_command(sizes.incidents, sizes.rounds, jobs)
        measured[f"verify_bundle_{jobs}_processes"] = by_command
    return measured


def _exports(sizes: Sizes) -> dict[str, Any]:
    from bench.installation import install

    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as directory:
        install(Path(directory))
        from bench import exporting

        _say("checking the ledger, exports")
        return exporting.measure(sizes.exported)


def _million(sizes: Sizes) -> dict[str, Any]:
    from bench.installation import install

    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as directory:
        install(Path(directory))
        from bench import million

        _say(f"searches and logs with {sizes.searched:,} entries")
        return million.measure(sizes.searched, sizes.rounds)


# Parts that need no Temporal server.
PARTS: dict[str, Callable[[Sizes], dict[str, Any]]] = {"evidence": _evidence, "exports": _exports, "million": _million}


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
        "database": "SQLite; parts exports and million: PostgreSQL",
    }


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure on one server. Django reads its settings once, so a process measures one installation."""
    count = 5 if options.short else options.samples
    beside = Path(sys.executable).with_name("temporal")
    command = str(beside) if beside.exists() else shutil.which("temporal")
    extra, sizes = SERVERS[options.part]
    if options.short:
        sizes = (1, 2, 4, 6)
    sys.stderr.write(f"Temporal development server: {options.part}\n")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=command, dev_server_extra_args=extra, dev_server_log_level="error"
    ) as environment:
        address = environment.client.service_client.config.target_host
        return await _measure(address, count, sizes)


def _in_a_process(part: str) -> dict[str, Any]:
    """Measure ``part`` in a fresh process, with this one's options."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [sys.executable, "-m", "bench", *sys.argv[1:], "--part", part, "--into", answer.name]
        subprocess.run(command, check=True, cwd=RESULTS.parent.parent)
        return dict(json.load(answer))


def _print(results: dict[str, Any]) -> None:
    for part in (*SERVERS, *PARTS):
        for name, result in results.get(part, {}).items():
            figure = next(result[key] for key in FIGURES if key in result)
            target = f"(target {result['target']}) {'reached' if result['reached'] else 'MISSED'}"
            sys.stdout.write(f"{part:8} {name:26} {figure:8} {target if 'target' in result else ''}\n")


def _one(options: argparse.Namespace) -> dict[str, Any]:
    if options.part in PARTS:
        return PARTS[options.part](SHORT if options.short else LONG)
    return asyncio.run(_run(options))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Countersign against its floor.")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--short", action="store_true", help="a few samples of each: is everything measured?")
    parser.add_argument("--part", choices=["all", *SERVERS, *PARTS], default="all")
    parser.add_argument("--into", type=Path, help="measure one part in this process, and write its results here")
    options = parser.parse_args()
    if options.into:
        options.into.write_text(json.dumps(_one(options)))
        return 0
    parts = [*SERVERS, *PARTS] if options.part == "all" else [options.part]
    if options.short and options.part == "all":
        parts.remove("stock")
    now = datetime.now(UTC)
    results = {"measured_at": now.isoformat(timespec="seconds"), "machine": _machine()}
    results |= {part: _in_a_process(part) for part in parts}
    _print(results)
    if not options.short:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{now:%Y-%m-%d-%H%M}.json").write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
