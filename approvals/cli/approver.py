"""The steps of an approver: enrol a key, find a request that asks for it, see what came of it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.cli.review import Refused, Review, review
from approvals.cli.signer import Signer
from approvals.cli.visit import Page, SiteRefused, Visit, to_base64
from approvals.contracts import RequestState

KEY_NAME = "command line"
# The worker has the approval by then, or the workflow has moved on without it.
OUTCOME_SECONDS = 60.0
_FINAL = {state.value for state in RequestState if state.is_final}


@dataclass(frozen=True)
class Enrolled:
    """A key that may decide: its id and fingerprint on the site, and the roots that were pinned with it."""

    id: int
    fingerprint: str
    roots: list[bytes]


async def enrol(visit: Visit, signer: Signer, *, root: str = "") -> Enrolled:
    """Enrol the signer's key, and trust ``root`` (hexadecimal), or the roots shown now, as a browser does."""
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
    return Enrolled(int(answer["id"]), str(answer["fingerprint"]), roots)


async def first_of_mine(visit: Visit, signer: Signer, roots: list[bytes]) -> tuple[str, Review, Page]:
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


async def outcome(visit: Visit, path: str) -> str:
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
