"""``decide-first``: an approver by itself, for the demo and for trials.

Signs in with a one-time link, makes and enrols a key in memory, waits for the first request that this key may
decide, checks it as the browser does, signs, and waits for what comes of it.
"""

from __future__ import annotations

import argparse
import asyncio

from approvals.agent_text import visible
from approvals.cli import terminal
from approvals.cli.approver import enrol, first_of_mine, outcome
from approvals.cli.failures import CannotGoOn
from approvals.cli.home import Home
from approvals.cli.patience import be_patient, begin_reading
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit, request_path, to_base64

HELP = "decide the first request, with a key that ends with the program"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--link", required=True, help="the one-time sign-in link")
    parser.add_argument("--decide", required=True, choices=["approve", "deny"])
    parser.add_argument("--reason", default="", help="required to deny")
    parser.add_argument("--confirm", metavar="TEXT", help="what a policy asks to be typed")
    parser.add_argument("--root", default="", help="the root to trust, in hexadecimal; otherwise the one shown now")
    parser.add_argument("--timeout", type=float, default=600, help="seconds to wait for a request")


async def run(options: argparse.Namespace, home: Home) -> int:
    if options.decide == "deny" and not options.reason.strip():
        raise CannotGoOn("A denial needs --reason.")
    try:
        return await asyncio.wait_for(_decide(options), options.timeout)
    except TimeoutError:
        raise CannotGoOn(f"Nothing was decided within {options.timeout:.0f} seconds.") from None


async def _decide(options: argparse.Namespace) -> int:
    signer = Signer()
    async with Visit(options.link) as visit:
        await visit.sign_in()
        key = await enrol(visit, signer, root=options.root)
        terminal.say(f"enrolled  key {key.fingerprint[:8]}")
        request_id, reviewed = await first_of_mine(visit, signer, key.roots)
        # Nobody reads along before it signs, and what a demo writes is kept and copied: no values.
        call = f"{visible(reviewed.tool)} ({visible(', '.join(reviewed.arguments))})"
        terminal.say(f"checked   {call}: warrant, hash, gate and approvers hold")
        seconds_ago = await begin_reading(visit, request_id)
        if options.decide == "approve":
            page = await visit.read(request_path(request_id))
            typed = await be_patient(page, seconds_ago=seconds_ago, typed=options.confirm)
            fields = {"approval": to_base64(signer.approve(reviewed, reason=options.reason)), **typed}
        else:
            fields = {"denial": to_base64(signer.deny(reviewed, reason=options.reason))}
        answer = await visit.submit(reviewed.decision_url, fields)
        terminal.say(f"signed    {options.decide}: {visible(str(answer.get('state')))}")
        terminal.say(f"outcome   {visible(await outcome(visit, request_id))}")
        # Nobody can sign with this key again; the list of keys should not say otherwise.
        await visit.submit(f"/keys/{key.id}/revocation/", {"reason": "The program that held it has ended."})
    return 0
