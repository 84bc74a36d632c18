"""An approver without a browser: ``python -m approvals.cli --link URL --decide approve|deny --reason TEXT``.

Signs in with a one-time link, makes and enrols a key of its own, waits for the first request that
this key may decide, checks it as the browser does, signs, and waits for what comes of it. It uses
nothing of the application but its public pages.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from collections.abc import Mapping
from typing import Any

import httpx

from approvals.agent_text import visible
from approvals.cli.review import Refused, Review, review
from approvals.cli.signer import Signer
from approvals.cli.visit import Page, SiteRefused, Visit, to_base64
from approvals.contracts import RequestState

KEY_NAME = "command line"
# The worker has the approval by then, or the workflow has moved on without it.
OUTCOME_SECONDS = 60.0
_FINAL = {state.value for state in RequestState if state.is_final}


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
        key_id, roots = await _enrol(visit, signer, options.root)
        path, reviewed, page = await _first_of_mine(visit, signer, roots)
        _say(f"checked   {reviewed.tool} {_in_words(reviewed.arguments)}: warrant, hash, gate and approvers hold")
        if options.decide == "approve":
            fields = {"approval": to_base64(signer.approve(reviewed, reason=options.reason))}
        else:
            fields = {"denial": to_base64(signer.deny(reviewed, reason=options.reason))}
        answer = await visit.submit(reviewed.decision_url, fields, page=page)
        _say(f"signed    {options.decide}: {answer.get('state')}")
        _say(f"outcome   {await _outcome(visit, path)}")
        # Nobody can sign with this key again; the list of keys should not say otherwise.
        await visit.submit(f"/keys/{key_id}/revocation/", {"reason": "The program that held it has ended."}, page=page)
    return 0


async def _enrol(visit: Visit, signer: Signer, root: str) -> tuple[int, list[bytes]]:
    """Enrol the signer's key. Return its id and the trusted roots: ``root``, or those shown now, as a browser does."""
    page = Page(await visit.get("/keys/"))
    shown = [item for item in page.data.get("data-roots", "").split(",") if item]
    if root and root.lower() not in shown:
        raise Refused("root", f"The site trusts other roots than {root}.")
    roots = [bytes.fromhex(item) for item in ([root] if root else shown)]
    if not roots:
        raise SiteRefused("The key page shows no trusted root.")
    challenge = await visit.submit("/keys/challenge/", {}, page=page)
    name = f"{KEY_NAME} on {platform.node()}"[:100]
    fields = {"envelope": to_base64(signer.enrolment(challenge)), "name": name}
    answer = await visit.submit("/keys/", fields, page=page)
    _say(f"enrolled  key {str(answer.get('fingerprint'))[:8]}")
    return int(answer["id"]), roots


async def _first_of_mine(visit: Visit, signer: Signer, roots: list[bytes]) -> tuple[str, Review, Page]:
    """Wait for the first request that asks for this key. Raises ``Refused`` if it does not hold together."""
    not_mine: set[str] = set()
    async for _ in visit.changes():
        for path in await visit.waiting_requests():
            if path in not_mine:
                continue
            page = Page(await visit.get(path))
            try:
                return path, review(_signing(page), pinned_roots=roots, own_key=signer.public_key), page
            except Refused as refused:
                # Older requests wait for other keys; anything else that differs is not to be passed over.
                if refused.field not in ("approvers", "expires_at"):
                    raise
                not_mine.add(path)
    raise SiteRefused("The live connection ended.")


async def _outcome(visit: Visit, path: str) -> str:
    """Return how the request ended, in the words of its page."""
    try:
        async with asyncio.timeout(OUTCOME_SECONDS):
            async for _ in visit.changes():
                state = Page(await visit.get(f"{path}progress/")).states.get("progress", "")
                if state in _FINAL:
                    return state
    except TimeoutError:
        pass
    return "not known yet"


def _signing(page: Page) -> Mapping[str, Any]:
    signing = page.json_script("signing")
    if not isinstance(signing, dict):
        raise SiteRefused("The page's signing data is not an object.")
    return signing


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
