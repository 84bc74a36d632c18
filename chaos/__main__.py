"""``python -m chaos``: people decide while every part of an installation is killed. Exit code 0 only if all holds.

A fixed seed gives the same requests, decisions, targets and moments of death. The interleaving with what the processes
do at that moment is real, and so differs from run to run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from chaos import effects, installation, people, verdict
from chaos.people import ADMINISTRATOR, Person
from chaos.plan import PEOPLE, TARGETS, Case, Plan, make_plan
from chaos.processes import Processes

# Recovery is over when nothing has moved for so long. (A busy machine is slow, and that is no finding.)
STILL_SECONDS = 120.0
RECOVERY_SECONDS = 1800.0
REST_SECONDS = 60
START_SECONDS = 60.0
REPORT_SECONDS = 5.0


class Chaos:
    """One run of a plan against the processes of a fresh installation."""

    def __init__(self, plan: Plan, processes: Processes, site: str, temporal: str) -> None:
        self._plan, self._processes, self._site, self._temporal = plan, processes, site, temporal
        self._deciding = asyncio.Event()
        self._people = {name: Person(name, plan, decided=self._deciding.set) for name in PEOPLE}
        self._results: dict[str, str] = {}
        self._chains: list[str] = []
        self._began = time.monotonic()

    async def run(self) -> bool:
        """Do all of it; return whether everything holds."""
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._processes.keep())
            self._processes.start("temporal", "web")
            people_root = await self._invite()
            self._processes.start("relay", "approvals worker", "agents' worker")
            busy = [tasks.create_task(person.decide_for_ever()) for person in self._people.values()]
            busy.append(tasks.create_task(self._tell()))
            _say(f"{len(self._plan.calls)} requests in {len(self._plan.cases)} runs, {len(self._plan.kills)} kills")
            client = await _connect(self._temporal)
            working = asyncio.gather(*[self._case(client, case) for case in self._plan.cases])
            await self._kill_all()
            await self._recover(working)
            for task in (*busy, keeping):
                task.cancel()
        for person in self._people.values():
            await person.leave()
        return await self._conclude(people_root)

    async def _invite(self) -> str:
        """Let everybody sign in and enrol a key, and hold the ceremony; return the people root."""
        links = await _in_thread(people.prepare)
        administrator = Person(ADMINISTRATOR, self._plan)
        await self._until_up()
        for person in (*self._people.values(), administrator):
            await person.enter(links[person.name])
        await administrator.leave()
        return str(await _in_thread(people.hold_ceremony, administrator))

    async def _until_up(self) -> None:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as http:
            while True:
                try:
                    await http.get(self._site)
                except httpx.HTTPError:
                    await asyncio.sleep(0.2)
                else:
                    return

    async def _case(self, client: Client, case: Case) -> None:
        from chaos.runs import mint, run_case

        await asyncio.sleep(case.begins_after)
        minted = await _in_thread(mint, case)
        self._chains.append(minted.id)
        results = await run_case(client, minted, case)
        for call, result in zip(case.calls, results * len(case.calls), strict=False):
            self._results[call.name] = result

    async def _kill_all(self) -> None:
        await asyncio.wait_for(self._deciding.wait(), START_SECONDS)
        for kill in self._plan.kills:
            await asyncio.sleep(kill.pause)
            while (death := self._processes.kill(kill)) is None:  # noqa: ASYNC110  it is away already
                await asyncio.sleep(0.1)
            _say(f"{self._seconds()} kill -9 {death.target} ({death.pid}), away for {kill.down:.1f} s")

    async def _recover(self, working: asyncio.Future[Any]) -> None:
        """Wait until all runs have closed and everything is written down, for as long as things move."""
        began = moved_at = time.monotonic()
        before = self._progress()
        while not working.done() and time.monotonic() - began < RECOVERY_SECONDS:
            await asyncio.wait([working], timeout=1)
            if self._progress() != before:
                before, moved_at = self._progress(), time.monotonic()
            if time.monotonic() - moved_at > STILL_SECONDS:
                break
        if working.done():
            working.result()
        else:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return
        for _ in range(REST_SECONDS):
            if await _in_thread(installation.is_at_rest):
                return
            await asyncio.sleep(1)

    def _progress(self) -> tuple[int, int, int]:
        """Return how many decisions were made, lines written by bodies, and calls that came to an end."""
        decided = sum(len(person.acknowledged) for person in self._people.values())
        return decided, sum(1 for _ in effects.lines(_effects())), len(self._results)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            began = {line.call for line in effects.lines(_effects())}
            decided, _, ended = self._progress()
            _say(
                f"{self._seconds()} decisions {decided}, calls that ran {len(began)}, "
                f"calls that came to an end {ended} of {len(self._plan.calls)}"
            )

    async def _conclude(self, people_root: str) -> bool:
        facts = verdict.Facts(
            plan=self._plan,
            results=self._results,
            requests=await _in_thread(installation.requests),
            bodies=list(effects.lines(_effects())),
            deaths=self._processes.deaths,
            acknowledged={person.name: person.acknowledged for person in self._people.values()},
            people=await _in_thread(installation.people_by_key),
            unverified=await _in_thread(installation.unverified, self._chains, people_root),
        )
        judged = verdict.judge(facts)
        self._print(facts, judged)
        return judged.is_good and {death.target for death in facts.deaths} == set(TARGETS)

    def _print(self, facts: verdict.Facts, judged: verdict.Verdict) -> None:
        killed = Counter(death.target for death in facts.deaths)
        outages = sum((person.outages for person in self._people.values()), Counter[str]())
        executed = {line.call for line in facts.bodies if line.what == effects.ENDED}
        _say()
        _say(f"seed {self._plan.seed}, {self._seconds()}")
        _say("killed with SIGKILL  " + ", ".join(f"{target} {killed[target]}" for target in TARGETS))
        _say(f"ended by themselves  {dict(self._processes.ended) or 'none'} (could not start while Temporal was away)")
        _say(f"requests {len(facts.requests)}, executed {len(executed)}, denied {_denied(facts)}")
        _say(f"asked again by people after outages: {sum(outages.values())}")
        from chaos.runs import asked_again

        for reason, times in asked_again.most_common(10):
            _say(f"Temporal asked again {times} times: {reason}")
        _say(f"attempts run again by Temporal after a kill: {judged.again} (at-least-once, same dispatch)")
        _say(f"incidents whose exported receipts were verified: {len(self._chains)}")
        for name, sentences in judged.violations.items():
            _say(f"{name:15} {len(sentences)}")
            for sentence in sentences[:20]:
                _say(f"    {sentence}")
        for target in set(TARGETS) - set(killed):
            _say(f"No {target} was killed: this run shows nothing of it.")

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:5.0f} s"


def _denied(facts: verdict.Facts) -> int:
    return sum(found.state == "denied" for found in facts.requests)


async def _connect(address: str) -> Client:
    from workers.client import connect

    # It would report every death a hundred times.
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    return await connect(address=address)


async def _in_thread(function: Any, *arguments: Any) -> Any:
    from workers.database import in_thread

    return await in_thread(function, *arguments)


def _effects() -> Path:
    return Path(os.environ[effects.FILE_VARIABLE])


def _say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    options = _options()
    plan = make_plan(
        seed=options.seed,
        requests=options.requests,
        kills=options.kills,
        pauses=(options.pause * 0.4, options.pause * 1.6),
    )
    directory = Path(tempfile.mkdtemp(prefix="countersign-chaos-"))
    site, port = installation.configure(directory, options.database)
    _say(f"{options.database}, {options.each} of each; logs are in {directory}")
    with Processes(directory, port, options.each) as processes:
        good = asyncio.run(Chaos(plan, processes, site, f"127.0.0.1:{port}").run())
    if good:
        shutil.rmtree(directory)  # otherwise it is what there is to find out from
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--kills", type=int, default=40, help="at least one of each kind of process")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two kills, on average")
    parser.add_argument("--each", type=int, default=2, help="relays, approvals workers and agents' workers")
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
