"""An approver without a browser: ``python -m approvals.cli --link URL --decide approve|deny --reason TEXT``.

Signs in with a one-time link, makes and enrols a key of its own, waits for the first request that
this key may decide, checks it as the browser does, signs, and waits for what comes of it. It uses
nothing of the application but its public pages.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

import httpx

from approvals.agent_text import visible
from approvals.cli.approver import enrol, first_of_mine, outcome
from approvals.cli.review import Refused
from approvals.cli.signer import Signer
from approvals.cli.visit import SiteRefused, Visit, to_base64


def main() -> int:
    options = _options()
    try:
        return asyncio.run(asyncio.wait_for(_approver(options), options.timeout))
    except TimeoutError:
        return _fail(f"Nothing was decided within {options.timeout:.0f} seconds.")
    except (SiteRefused, Refused, httpx.HTTPError) as error:
        return _fail(str(error) or type(error).__name__)
    except KeyboardInterrupt:
        return 130


async def _approver(options: argparse.Namespace) -> int:
    signer = Signer()
    async with Visit(options.link) as visit:
        await visit.sign_in()
        key = await enrol(visit, signer, root=options.root)
        _say(f"enrolled  key {key.fingerprint[:8]}")
        path, reviewed, page = await first_of_mine(visit, signer, key.roots)
        _say(f"checked   {reviewed.tool} {_in_words(reviewed.arguments)}: warrant, hash, gate and approvers hold")
        if options.decide == "approve":
            fields = {"approval": to_base64(signer.approve(reviewed, reason=options.reason))}
        else:
            fields = {"denial": to_base64(signer.deny(reviewed, reason=options.reason))}
        answer = await visit.submit(reviewed.decision_url, fields, page=page)
        _say(f"signed    {options.decide}: {answer.get('state')}")
        _say(f"outcome   {await outcome(visit, path)}")
        # Nobody can sign with this key again; the list of keys should not say otherwise.
        await visit.submit(f"/keys/{key.id}/revocation/", {"reason": "The program that held it has ended."}, page=page)
    return 0


def _in_words(arguments: dict[str, Any]) -> str:
    return visible(", ".join(f"{name}={value!r}" for name, value in arguments.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m approvals.cli", description="Decide one request.")
    parser.add_argument("--link", required=True, help="the one-time sign-in link")
    parser.add_argument("--decide", required=True, choices=["approve", "deny"])
    parser.add_argument("--reason", default="", help="required to deny")
    parser.add_argument("--root", default="", help="the root to trust, in hexadecimal; otherwise the one shown now")
    parser.add_argument("--timeout", type=float, default=600, help="seconds to wait for a request")
    options = parser.parse_args()
    if options.decide == "deny" and not options.reason.strip():
        parser.error("a denial needs --reason")
    return options


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _fail(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
