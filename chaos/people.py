"""The people: programs with keys of their own, which decide over HTTP as the command line does, and do not give up."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.cli.approver import enrol
from approvals.cli.failures import SiteRefused
from approvals.cli.keepers.memory import MemoryKeeper
from approvals.cli.review import Review, review
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit, to_base64
from approvals.contracts import DecisionKind
from chaos.plan import PEOPLE, Plan

ADMINISTRATOR = "security-administrator"
AGAIN_SECONDS = 0.3
THINKING_SECONDS = 0.5
# Somebody else's decision, or this one itself, whose answer was lost, has ended the request.
_LATE = {"already_decided", "request_closed", "request_expired"}
# It was made before an outage that was too long: sign again.
_AGED = {"bad_lifetime"}


@dataclass
class Person:
    """``acknowledged`` are the decisions that the site said it has, by request id."""

    name: str
    plan: Plan
    decided: Callable[[], None] = lambda: None
    private_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    acknowledged: dict[str, DecisionKind] = field(default_factory=dict)
    outages: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.signer = Signer(MemoryKeeper(self.private_key))

    async def enter(self, link: str) -> None:
        """Sign in with a one-time ``link`` and enrol the key."""
        self._visit = Visit(link)
        await self._visit.sign_in()
        self._roots = (await enrol(self._visit, self.signer, name=self.name)).roots

    async def leave(self) -> None:
        await self._visit.__aexit__()

    async def decide_for_ever(self) -> None:
        """Decide whatever waits for this person, until cancelled. Raises ``Refused`` for what does not hold."""
        done: set[str] = set()
        while True:
            try:
                for request_id in await self._waiting():
                    if request_id not in done:
                        await self._decide(request_id)
                        done.add(request_id)
            except (httpx.HTTPError, SiteRefused) as error:
                self._note(error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _waiting(self) -> list[str]:
        first = await self._visit.read("/approvals/", show="mine")
        pages = [await self._visit.read("/approvals/", show="mine", page=page) for page in range(2, first["pages"] + 1)]
        return [card["id"] for page in (first, *pages) for card in page["cards"]]

    async def _decide(self, request_id: str) -> None:
        reviewed = review(
            await self._visit.signing(request_id), pinned_roots=self._roots, own_key=self.signer.public_key
        )
        kind = self.plan.calls[reviewed.arguments["call"]].decisions.get(self.name)
        if kind is None:
            return
        await asyncio.sleep(random.uniform(0, THINKING_SECONDS))
        while not await self._send(reviewed, kind):
            continue

    async def _send(self, reviewed: Review, kind: DecisionKind) -> bool:
        """Sign and send the same bytes until there is an answer; return whether it was final."""
        fields = self._signed(reviewed, kind)
        while True:
            try:
                await self._visit.submit(reviewed.decision_url, fields)
            except SiteRefused as error:
                if error.code in _LATE:
                    return True
                if error.code in _AGED:
                    return False
                self._note(error)
            except httpx.HTTPError as error:
                self._note(error)
            else:
                self.acknowledged[reviewed.binding.request_id] = kind
                self.decided()
                return True
            await asyncio.sleep(AGAIN_SECONDS)

    def _signed(self, reviewed: Review, kind: DecisionKind) -> dict[str, str]:
        if kind is DecisionKind.APPROVE:
            return {"approval": to_base64(self.signer.approve(reviewed, reason=f"{self.name} agrees."))}
        return {"denial": to_base64(self.signer.deny(reviewed, reason=f"{self.name} does not agree."))}

    def _note(self, error: Exception) -> None:
        self.outages[str(error) if isinstance(error, SiteRefused) else type(error).__name__] += 1


def prepare() -> dict[str, str]:
    """Make the people and return a sign-in link for each."""
    from accounts.people.services import create
    from accounts.roles.contracts import Role
    from accounts.sign_in.services import issue_link

    links = {}
    for name in (*PEOPLE, ADMINISTRATOR):
        role = Role.APPROVER if name in PEOPLE else Role.SECURITY_ADMINISTRATOR
        person = create(username=name, display_name=name.title(), role=role, created_by="chaos")
        links[name] = issue_link(person=person, valid_for_seconds=600)
    return links


def hold_ceremony(administrator: Person) -> str:
    """Establish the people root, and let ``administrator`` endorse everybody's key; return the root in hexadecimal."""
    from accounts.endorsements.services import endorse, establish_root
    from accounts.models import ApproverKey
    from accounts.models import Person as Row
    from audit.statements.key_endorsements import EndorsedRole, facts_of
    from audit.statements.statements import Context, sign

    row = Row.objects.get(username=administrator.name)
    root = establish_root(person=row)
    for key in ApproverKey.objects.select_related("person").filter(person__username__in=PEOPLE):
        facts = facts_of(
            key=bytes(key.public_key),
            person=key.person.external_id,
            role=EndorsedRole.APPROVER,
            strength=key.strength,
            at=time.time_ns() // 1_000_000,
        )
        endorse(administrator=row, envelope=sign(Context.KEY_ENDORSEMENT, facts, administrator.private_key).to_bytes())
    return bytes(root.public_key).hex()
