"""The payment's demo: an agent in one namespace asks, two people of another approve, and it is paid once."""

from __future__ import annotations

import asyncio
import io
import secrets
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from accounts.models import Person
from accounts.people.services import create
from accounts.roles.contracts import Role
from accounts.roles.services import grant
from accounts.sign_in.services import issue_link
from audit.statements.kinds import EntryKind
from workers.client import in_namespace, shared
from workers.database import in_thread
from workers.demo.approver import Approver, verify
from workers.demo.story import LINK_SECONDS, RUN_SECONDS, Story, people_root_in_use, root_in_use
from workers.narrator import Narrator, Told
from workers.nexus.exchange import paying_namespaces, payments_namespaces
from workers.payments.activities import book
from workers.payments.contracts import PaymentOrder, PaymentResult, PaymentStatus
from workers.payments.starting import start_payment_agent

NAMESPACES = Path(__file__).with_name("payment-namespaces.yaml")
CONTROLLERS = {"payments-controller-1": "the first controller", "payments-controller-2": "the second controller"}
REASON = "The goods arrived complete, and the account is the supplier's."
ORDER = PaymentOrder(
    payee="ACME Industrial Supplies",
    amount_cents=1_250_000,
    currency="EUR",
    reference="INV-2031",
    reasoning="Invoice INV-2031 matches order 4711: twelve pumps, delivered on Monday. It is due tomorrow.",
)


class PaymentStory(Story):
    """Tells the payment in the terminal, and ends by itself."""

    _narrator: Narrator

    def __init__(self) -> None:
        self.is_over = False
        self._incident = f"INV-{secrets.token_hex(4).upper()}"

    def _people_to_endorse(self) -> list[str]:
        return [person.external_id for person in _controllers()]

    async def _told(self) -> int:
        try:
            async with asyncio.timeout(RUN_SECONDS):
                return await self._pay()
        except TimeoutError:
            return self._fail(f"The payment of {self._incident} did not end within {RUN_SECONDS:.0f} seconds.")

    async def _pay(self) -> int:
        await in_thread(call_command, "setup_nexus", stdout=io.StringIO())
        links = await in_thread(_links)
        approvers = [Approver(link=link, decide="approve", reason=REASON, say=self._narrator.say) for link in links]
        deciding = [asyncio.create_task(approver.run()) for approver in approvers]
        try:
            await self._until_endorsed(len(approvers))
            await self._ceremony
            self._narrator.say()
            self._narrator.say(f"The agent in {paying_namespaces()[0]} asks {payments_namespaces()[0]} to pay:")
            client = in_namespace(shared().plain, paying_namespaces()[0])
            handle = await start_payment_agent(client=client, invoice=self._incident, order=ORDER)
            result = await handle.result()
            if any(await asyncio.gather(*deciding)):
                return self._fail("An approver program failed.")
        finally:
            for task in deciding:
                task.cancel()
            await asyncio.gather(*deciding, return_exceptions=True)
        return await self._show(result)

    async def _until_endorsed(self, people: int) -> None:
        endorsed: set[str] = set()
        while len(endorsed) < people:
            told = await self._narrator.until(partial(_is_new_endorsement, endorsed))
            endorsed.add(str(told.details["key"]))

    async def _show(self, result: PaymentResult) -> int:
        say = self._narrator.say
        if result.status != PaymentStatus.PAID or result.record is None or result.question is None:
            return self._fail(f"The payment ended as {result.status}.")
        paid = [one for one in await asyncio.to_thread(book().payments) if one.payment_id == result.record.payment_id]
        say()
        say(f"Paid {len(paid)} time: {result.record.payment_id}, {result.record.amount_cents / 100:,.2f} EUR")
        chains = [(await self._narrator.until(self._is_the_end)).chain, result.question.chain]
        await self._narrator.until(lambda told: told.kind == EntryKind.RUN_COMPLETED and told.chain == chains[1])
        codes = [await self._verify(chain) for chain in chains]
        if any(codes) or paid != [result.record]:
            return self._fail("The exported receipts do not verify, or it was not paid once.")
        return 0

    async def _verify(self, chain: str) -> int:
        evidence = Path(settings.DATA_DIR) / f"evidence-{chain}.jsonl"
        await in_thread(call_command, "export_receipts", chain, output=evidence)
        root, people_root = await in_thread(root_in_use), await in_thread(people_root_in_use)
        code, output = await verify(evidence, root=root, people_root=people_root)
        self._narrator.say()
        self._narrator.say(f"$ python -m audit.verify {evidence} --root {root} --people-root {people_root}")
        self._narrator.say(output)
        return code


def _is_new_endorsement(endorsed: set[str], told: Told) -> bool:
    return told.kind == EntryKind.KEY_ENDORSED and _is_controllers(told) and str(told.details["key"]) not in endorsed


def _is_controllers(told: Told) -> bool:
    return any(name in str(told.details["person"]) for name in CONTROLLERS)


def _controllers() -> list[Person]:
    """Return the people who approve payments; the first approves for the agent's namespace as well."""
    people = [
        Person.objects.filter(username=username).first()
        or create(username=username, display_name=display_name, role=None, created_by="the demo")
        for username, display_name in CONTROLLERS.items()
    ]
    for person in people:
        grant(person=person, role=Role.APPROVER, granted_by="the demo", namespace=payments_namespaces()[0])
    grant(person=people[0], role=Role.APPROVER, granted_by="the demo", namespace=paying_namespaces()[0])
    return people


def _links() -> list[str]:
    return [f"{issue_link(person=one, valid_for_seconds=LINK_SECONDS)}?next=/keys/" for one in _controllers()]
