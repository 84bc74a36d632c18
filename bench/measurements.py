"""The measurements. Each interleaves ours with its floor, so that a machine's moods hit both."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode, urlsplit

from asgiref.sync import sync_to_async
from temporalio.client import Client

from approvals.cli.review import review
from approvals.cli.roots import shown_roots
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit, to_base64
from bench import agents
from bench.samples import compare, summary
from bench.site import Site, create_approver, hold_ceremony, mint, start_bare, start_guarded

TARGET_DECIDE, TARGET_VISIBLE, TARGET_PLUGIN_MS, TARGET_QUEUE, TARGET_MEMORY_KIB = 1.4, 2.0, 0.6, 1.2, 150.0
TARGET_DECIDE_GROWTH = 1.5


class Approver:
    """The bench's lead: a session, a key, and what the browser does to decide."""

    def __init__(self) -> None:
        self.signer = Signer()

    async def enter(self) -> None:
        self.visit = Visit(await sync_to_async(create_approver)())
        await self.visit.sign_in()
        self.roots = await shown_roots(self.visit)
        challenge = await self.visit.submit("/keys/challenge/", {})
        envelope = to_base64(self.signer.enrolment(challenge))
        await self.visit.submit("/keys/", {"envelope": envelope, "name": "bench"})
        await sync_to_async(hold_ceremony)()

    async def sign(self, request_id: str) -> tuple[str, dict[str, str]]:
        """Return where to send the decision, and the signed form: all that precedes the click."""
        signing = await self.visit.signing(request_id)
        reviewed = review(signing, pinned_roots=self.roots, own_key=self.signer.public_key)
        return reviewed.decision_url, {"approval": to_base64(self.signer.approve(reviewed, reason=""))}

    def prepared_post(self, url: str, form: dict[str, str]) -> bytes:
        """Return the HTTP request by which the browser sends the signed form."""
        body = urlencode(form)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.visit.cookies)
        head = {
            "Host": urlsplit(self.visit.origin).netloc,
            "Origin": self.visit.origin,
            "Accept": "application/json",
            "Cookie": cookies,
            "X-CSRFToken": self.visit.csrf_token,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
        }
        lines = [f"POST {url} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", body]
        return "\r\n".join(lines).encode()


async def answer(reader: asyncio.StreamReader) -> None:
    """Read one answer to its end; it must be a success."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if not head.startswith("http/1.1 200"):
        raise SystemExit(f"The decision was refused: {head.splitlines()[0]}")
    length = next(line.partition(":")[2] for line in head.splitlines() if line.startswith("content-length:"))
    await reader.readexactly(int(length))


async def request_of(handle: Any) -> str:
    """Return the id of the request that a run waits at, as soon as the run waits."""
    from approvals.models import ApprovalRequest

    while True:
        found = await ApprovalRequest.objects.filter(workflow_id=handle.id).values_list("id", flat=True).afirst()
        if found:
            return str(found)
        await asyncio.sleep(0.02)


async def gated(client: Client) -> Any:
    minted = await sync_to_async(mint)()
    return await start_guarded(client, agents.Gated, minted, task_queue=agents.GUARDED_QUEUE)


async def decide_to_executed(client: Client, approver: Approver, count: int) -> dict[str, object]:
    """POST of the signature to the first line of the activity's body, against signal to body."""
    ours, floor = [], []
    # Bytes on an open connection, as a browser has one: what is measured is the site, not a client library.
    address = urlsplit(approver.visit.origin)
    reader, wire = await asyncio.open_connection(address.hostname, address.port)
    for _ in range(count):
        bare = await start_bare(client, agents.Waits)
        handle = await gated(client)
        url, form = await approver.sign(await request_of(handle))

        await _same_start(client)
        began = time.time_ns()
        await bare.signal("go")
        floor.append((await bare.result() - began) / 1e6)

        request = approver.prepared_post(url, form)
        await _same_start(client)
        began = time.time_ns()
        wire.write(request)
        ours.append((await handle.result() - began) / 1e6)
        await answer(reader)
    return compare(ours, floor, TARGET_DECIDE)


async def gate_to_visible(client: Client, approver: Approver, page: Any, count: int) -> dict[str, object]:
    """The gated activity's denial to its card in the DOM of a real Chromium, against a bare activity round trip."""
    ours, floor = [], []
    for _ in range(count):
        bare = await start_bare(client, agents.Calls, 2, agents.ELSEWHERE_QUEUE)
        first, second = await bare.result()
        floor.append((second - first) / 1e6)

        handle = await gated(client)
        request_id = await request_of(handle)
        seen = await page.evaluate("id => window.countersignSeen(id)", request_id)
        denied_at = await sync_to_async(_denied_at_ms)(handle.id)
        ours.append(seen - denied_at)
        url, form = await approver.sign(request_id)
        await approver.visit.submit(url, form)
        await handle.result()
    return compare(ours, floor, TARGET_VISIBLE)


# Notes, in the page's own clock, when each card enters the document.
WATCH_CARDS = """() => {
  const seen = new Map(), waiting = new Map();
  const note = () => {
    const now = performance.timeOrigin + performance.now();
    for (const card of document.querySelectorAll("[data-request]")) {
      const id = card.dataset.request;
      if (!seen.has(id)) { seen.set(id, now); waiting.get(id)?.(now); }
    }
  };
  note();
  new MutationObserver(note).observe(document.body, {childList: true, subtree: true});
  window.countersignSeen = (id) => seen.has(id) ? seen.get(id) : new Promise((found) => waiting.set(id, found));
}"""


def _denied_at_ms(workflow_id: str) -> int:
    from audit.models import LedgerEntry
    from audit.statements import statements

    entries = LedgerEntry.objects.filter(kind="call.gated").order_by("-id")[:20]
    for entry in entries:
        details = statements.parse(bytes(entry.envelope)).facts["details"]
        if details["workflow_id"] == workflow_id:
            return int(details["decided_at_ms"])
    raise RuntimeError("The gate left no receipt.")


async def plugin_cost(client: Client, count: int) -> dict[str, object]:
    """One allowed activity with both plugins and receipts, against one with Tenuo's plugin alone."""
    # Many short blocks: what else the machine does meanwhile falls on both.
    blocks = max(count // 5, 4)
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(blocks):
        for samples, task_queue in ((floor, agents.TENUO_QUEUE), (ours, agents.GUARDED_QUEUE)):
            minted = await sync_to_async(mint)()
            handle = await start_guarded(client, agents.Calls, minted, 11, task_queue=task_queue)
            samples.extend((later - earlier) / 1e6 for earlier, later in pairwise(await handle.result()))
    cost = statistics.median(ours) - statistics.median(floor)
    return {
        "ours": summary(ours),
        "floor": summary(floor),
        **_judged("cost_ms", cost, TARGET_PLUGIN_MS),
    }


async def while_others_wait(
    client: Client, site: Site, approver: Approver, sizes: Sequence[int], samples: int
) -> dict[str, object]:
    """What should not depend on how many real runs wait at their gates, and what each of them costs.

    The queue page is compared from the second of ``sizes`` to the last, a decision from the first to the last.
    """
    pages: dict[int, dict[str, float | int | str]] = {}
    decisions: dict[int, dict[str, object]] = {}
    grown = 0
    await approver.visit.get("/approvals/")
    for size in sizes:
        before = site.memory_kib()
        handles = [await gated(client) for _ in range(size - max(pages, default=0))]
        for handle in handles:
            await request_of(handle)
        grown = site.memory_kib() - before
        pages[size] = summary([await _timed(approver, "/approvals/") for _ in range(samples)])
        decisions[size] = await decide_to_executed(client, approver, samples)
    few, many = sizes[1], sizes[-1]
    page_ratio = float(pages[many]["median"]) / float(pages[few]["median"])
    growth = float(str(decisions[many]["ratio"])) / float(str(decisions[sizes[0]]["ratio"]))
    per_request = grown / (many - sizes[-2])
    return {
        "queue_page": {"pages": pages, **_judged("ratio", page_ratio, TARGET_QUEUE)},
        "decide_while_others_wait": {"waiting": decisions, **_judged("ratio", growth, TARGET_DECIDE_GROWTH)},
        "memory": {"waiting": many, **_judged("kib_per_waiting_request", per_request, TARGET_MEMORY_KIB)},
    }


def _judged(name: str, figure: float, target: float) -> dict[str, object]:
    return {name: round(figure, 3), "target": target, "reached": figure <= target}


async def _same_start(client: Client) -> None:
    """Run a bare workflow before ours and before the floor: a stock server lends credit to whoever comes after a rest,
    and both shall find it equally busy."""
    await (await start_bare(client, agents.Calls, 3)).result()


async def _timed(approver: Approver, address: str) -> float:
    began = time.perf_counter()
    await approver.visit.get(address)
    return (time.perf_counter() - began) * 1000
