"""The steps of an approver: enrol a key, find a request that asks for it, see what came of it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from approvals.cli.failures import SiteRefused
from approvals.cli.review import Refused, Review, examine
from approvals.cli.roots import choose_roots
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit, request_path, to_base64
from approvals.contracts import RequestState

KEY_NAME = "command line"
# The worker has the approval by then, or the workflow has moved on without it.
OUTCOME_SECONDS = 60.0
ASK_SECONDS = 1.0
_FINAL = {state.value for state in RequestState if state.is_final}
# Older requests wait for other keys; anything else that differs is not to be passed over.
_NOT_MINE = {"required_approvers", "expires_at", "warrant.expires_at"}


@dataclass(frozen=True)
class Enrolled:
    """A key that may decide: its id and fingerprint on the site, and the roots that were pinned with it."""

    id: int
    fingerprint: str
    roots: list[bytes]


async def enrol(visit: Visit, signer: Signer, *, root: str | Sequence[str] = (), name: str = "") -> Enrolled:
    """Enrol the signer's key, and trust ``root`` (hexadecimal), or the roots shown now, as a browser does."""
    named = [root] if isinstance(root, str) else list(root)
    roots = await choose_roots(visit, [item for item in named if item])
    challenge = await visit.submit("/keys/challenge/", {})
    if challenge.get("origin") != visit.origin:
        # Signing for another origin would let that origin's server enrol this key.
        raise Refused(
            "origin",
            f"The site says that it is {challenge.get('origin')}, but it was opened as "
            f"{visit.origin}. Sign in at the address that it names.",
        )
    name = name or f"{KEY_NAME} on {platform.node()}"[:100]
    answer = await visit.submit("/keys/", {"envelope": to_base64(signer.enrolment(challenge)), "name": name})
    return Enrolled(int(answer["id"]), str(answer["fingerprint"]), roots)


async def first_of_mine(visit: Visit, signer: Signer, roots: list[bytes]) -> tuple[str, Review]:
    """Wait for the first request that asks for this key; return its id and what may be signed.

    Raises ``Refused`` if it does not hold together.
    """
    not_mine: set[str] = set()
    async for _ in visit.changes():
        for request_id in await visit.waiting_requests():
            if request_id in not_mine:
                continue
            found = examine(await visit.signing(request_id), pinned_roots=roots, own_key=signer.public_key)
            if found.problems and {problem.field for problem in found.problems} <= _NOT_MINE:
                not_mine.add(request_id)
                continue
            return request_id, found.require_sound()
    raise SiteRefused("The live connection ended.")


async def outcome(visit: Visit, request_id: str, *, seconds: float = OUTCOME_SECONDS) -> str:
    """Return how the request ended, in the words of the site; "not known yet" after ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            async for _ in visit.changes():
                state = await state_of(visit, request_id)
                if state in _FINAL:
                    return state
    except TimeoutError:
        pass
    return "not known yet"


async def outcome_by_asking(visit: Visit, request_id: str, *, seconds: float) -> str:
    """Return how the request ended, as ``outcome`` does, for a visitor with a token: the live socket takes none."""
    loop = asyncio.get_running_loop()
    over_at = loop.time() + seconds
    while loop.time() < over_at:
        state = await state_of(visit, request_id)
        if state in _FINAL:
            return state
        await asyncio.sleep(ASK_SECONDS)
    return "not known yet"


async def state_of(visit: Visit, request_id: str) -> str:
    """Return the request's state as the site says it."""
    card = (await visit.read(request_path(request_id))).get("card")
    return str(card.get("state", "")) if isinstance(card, dict) else ""
