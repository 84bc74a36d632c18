"""The demo: an alert fires, an agent works on it, and a person decides."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.urls import reverse

from accounts.endorsements.queries import endorsed_keys, people_root
from accounts.endorsements.services import establish_root
from accounts.keys.queries import keys_of
from accounts.models import Person
from accounts.people.services import create
from accounts.roles.contracts import Role
from accounts.roles.services import grant
from accounts.sign_in.services import issue_link
from audit.statements.kinds import EntryKind
from warrants.issuers.queries import trusted_roots
from workers.database import in_thread
from workers.demo import alert
from workers.demo.administrator import Administrator
from workers.demo.approver import Approver, verify
from workers.demo.expectations import APPROVED, FOR_A_PERSON, INJECTION, Expectations, Fact
from workers.demo.other_company import OtherCompany, require_room_for_credentials
from workers.incident.alerts.services import AGENT
from workers.narrator import COMMAND_LINE, Narrator, Told
from workers.people_roots import pin_here

USERNAME, DISPLAY_NAME = "on-call-lead", "the on-call lead"
ADMINISTRATOR, ADMINISTRATOR_NAME = "security-administrator", "the security administrator"
OWNER, OWNER_NAME = "service-owner", "the owner of payment-service"
# Decides, takes the receipts away, and reads in Temporal's UI what agents wrote.
DEMO_ROLES = (Role.APPROVER, Role.AUDITOR, Role.PAYLOAD_READER)
LINK_SECONDS = 3600
# Far more than a run takes; whoever waits longer should be told.
RUN_SECONDS = 120.0


@dataclass(frozen=True)
class Script:
    """What a demo that ends by itself decides, and what must come of it."""

    decide: str
    reason: str
    expectations: Expectations
    # The agent works for somebody, with their authority at another company's MCP server.
    for_a_person: bool = False


AUTOMATIC = Script("approve", "The rollback is staged and the pool is exhausted: restart.", APPROVED)
INJECTED = Script(
    "deny", "This run tried to delete a database and change access: the runbook in that log line is false.", INJECTION
)

FOR_SOMEBODY = Script(
    "approve", "The release would go onto an exhausted pool: open the ticket.", FOR_A_PERSON, for_a_person=True
)


class Story:
    """Tells the demo in the terminal. ``script`` is None when a person decides in a browser."""

    def __init__(self, *, alert_file: Path, incident: str = "", script: Script | None) -> None:
        if script and script.for_a_person:
            require_room_for_credentials()
        self.is_over = False
        self._incident, self._body = alert.read(alert_file, incident=incident)
        self._script = script

    async def tell(self) -> int:
        """Run the demo beside the parts of the process; return the exit code."""
        self._narrator = Narrator(sys.stdout)
        listening = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            narrating = tasks.create_task(self._narrator.run(listening))
            await listening.wait()
            administrator, link = await in_thread(_prepare_administrator)
            people = await in_thread(self._people_to_endorse)
            endorsing = tasks.create_task(Administrator(link=link, people=people, complain=self._narrator.say).run())
            self._ceremony = tasks.create_task(self._hold_ceremony(administrator))
            code = await self._told()
            for task in (self._ceremony, endorsing, narrating):
                task.cancel()
        self.is_over = True
        return code

    def _people_to_endorse(self) -> list[str]:
        lead, _, _ = _prepare_person()
        return [lead.external_id]

    async def _told(self) -> int:
        if self._script is None:
            return await self._with_a_person()
        async with AsyncExitStack() as opened:
            if self._script.for_a_person:
                owner = await in_thread(_prepare_owner)
                await opened.enter_async_context(OtherCompany(agent=AGENT, person=owner.external_id))
                self._narrator.say(f"The agent works for {owner.display_name}, whose calendar and tickets are at")
                self._narrator.say(f"another company's MCP server: {settings.MCP_URL}")
            return await self._by_itself(self._script)

    async def _hold_ceremony(self, administrator: Person) -> None:
        """Establish the people root once, as an operator would with bootstrap_root, when there is a key to endorse."""
        if await in_thread(people_root) is None:
            is_theirs = partial(_is_enrolment_of, administrator.external_id)
            if not await in_thread(_has_live_key, administrator):
                await self._narrator.until(is_theirs)
            await in_thread(establish_root, person=administrator)
        await in_thread(pin_here)

    async def _with_a_person(self) -> int:
        say = self._narrator.say
        person, link, has_key = await in_thread(_prepare_person)
        say(f"Countersign runs at {settings.SITE_ROOT}, Temporal's pages at {settings.TEMPORAL_UI}")
        say(f"Sign in once as {person.display_name}: {link}")
        if has_key:
            say("A key of theirs is endorsed, so the alert fires now. A new key counts from the next alert on.")
        else:
            say("Then make this browser's key on the page. A second program, the security administrator, endorses it,")
            say("and the alert fires.")
            await self._narrator.until(_is_endorsement)
        await self._ceremony
        say()
        failure = await alert.send(self._body)
        if failure:
            return self._fail(failure)
        told: set[str] = set()
        while True:
            end = await self._narrator.until(lambda one: one.kind == EntryKind.RUN_COMPLETED and one.chain not in told)
            told.add(end.chain)
            await self._narrator.show_tree(end.chain)
            root = await in_thread(root_in_use)
            say(f"  Verify them: python manage.py export_receipts {end.label} --output evidence.jsonl")
            say(f"               python -m audit.verify evidence.jsonl --root {root} \\")
            say(f"                 --people-root {await in_thread(people_root_in_use)}")
            await self._say_where_payloads_are(end)
            say("Ctrl-C stops everything. Another alert: python manage.py alert FILE")

    async def _say_where_payloads_are(self, end: Told) -> None:
        say, workflow = self._narrator.say, quote(str(end.details["workflow_id"]), safe="")
        page = f"{settings.TEMPORAL_UI}/namespaces/{settings.TEMPORAL_NAMESPACE}/workflows/{workflow}"
        say(f"  Temporal has only ciphertext: {page}")
        say("  To read it there, click the glasses at the top, choose 'Use my browser setting', enter the endpoint")
        say(f"    {settings.SITE_ROOT}/codec")
        say(
            "  and switch on 'Include cross-origin credentials'. You may, being signed in here in the same browser, and"
        )
        say(f"  everybody who oversees you sees that you did: {settings.SITE_ROOT}{reverse('payloads:readings')}")

    async def _by_itself(self, script: Script) -> int:
        try:
            async with asyncio.timeout(RUN_SECONDS):
                return await self._run_script(script)
        except TimeoutError:
            return self._fail(f"The incident {self._incident} did not complete within {RUN_SECONDS:.0f} seconds.")

    async def _run_script(self, script: Script) -> int:
        _, link, _ = await in_thread(_prepare_person)
        approver = Approver(link=link, decide=script.decide, reason=script.reason, say=self._narrator.say)
        deciding = asyncio.create_task(approver.run())
        try:
            endorsed = asyncio.create_task(self._narrator.until(_is_endorsement))
            await asyncio.wait([endorsed, deciding], return_when=asyncio.FIRST_COMPLETED)
            if not endorsed.done():
                endorsed.cancel()
                return self._fail("The approver program ended before it had an endorsed key.")
            await self._ceremony
            failure = await alert.send(self._body)
            if failure:
                return self._fail(failure)
            end = await self._narrator.until(self._is_the_end)
            if end.details["status"] != "completed":
                return self._fail(f"The run {end.details['status']}: {end.details['detail']}")
            if await deciding != 0:
                return self._fail("The approver program failed.")
        finally:
            deciding.cancel()
            await asyncio.gather(deciding, return_exceptions=True)
        await self._narrator.show_tree(end.chain)
        return await self._conclude(script, end)

    async def _conclude(self, script: Script, end: Told) -> int:
        evidence = Path(settings.DATA_DIR) / f"evidence-{self._incident}.jsonl"
        await in_thread(call_command, "export_receipts", end.chain, output=evidence)
        root, people_root = await in_thread(root_in_use), await in_thread(people_root_in_use)
        code, output = await verify(evidence, root=root, people_root=people_root)
        self._narrator.say()
        self._narrator.say(f"$ python -m audit.verify {evidence} --root {root} --people-root {people_root}")
        self._narrator.say(output)
        unmet = script.expectations.unmet(
            Fact(told.kind, str(told.details.get("tool", "")))
            for told in self._narrator.told
            if told.chain == end.chain
        )
        if code != 0:
            unmet.append("The exported receipts do not verify.")
        return self._fail(" ".join(unmet)) if unmet else 0

    def _is_the_end(self, told: Told) -> bool:
        return told.kind == EntryKind.RUN_COMPLETED and told.label == self._incident

    def _fail(self, sentence: str) -> int:
        sys.stderr.write(f"{sentence}\n")
        return 1


def _prepare_person() -> tuple[Person, str, bool]:
    """Return the on-call lead, a sign-in link for them, and whether a browser of theirs has a key."""
    person = Person.objects.filter(username=USERNAME).first() or create(
        username=USERNAME, display_name=DISPLAY_NAME, role=None, created_by="the demo"
    )
    for role in DEMO_ROLES:
        grant(person=person, role=role, granted_by="the demo")
    link = issue_link(person=person, valid_for_seconds=LINK_SECONDS)
    # The key of a program that has ended can sign no more, even if it was not revoked.
    has_key = any(not key.name.startswith(COMMAND_LINE) for key in endorsed_keys().filter(person=person))
    return person, f"{link}?next=/keys/", has_key


def _prepare_owner() -> Person:
    """Return the person for whom the agent of ``for-a-person`` works; they decide nothing."""
    return Person.objects.filter(username=OWNER).first() or create(
        username=OWNER, display_name=OWNER_NAME, role=None, created_by="the demo"
    )


def _prepare_administrator() -> tuple[Person, str]:
    """Return the security administrator and a sign-in link for them."""
    person = Person.objects.filter(username=ADMINISTRATOR).first() or create(
        username=ADMINISTRATOR,
        display_name=ADMINISTRATOR_NAME,
        role=Role.SECURITY_ADMINISTRATOR,
        created_by="the demo",
    )
    return person, issue_link(person=person, valid_for_seconds=LINK_SECONDS)


def _is_endorsement(told: Told) -> bool:
    return told.kind == EntryKind.KEY_ENDORSED


def _is_enrolment_of(person: str, told: Told) -> bool:
    return told.kind == EntryKind.KEY_ENROLLED and told.details["person"] == person


def _has_live_key(person: Person) -> bool:
    return any(not key.is_revoked for key in keys_of(person))


def people_root_in_use() -> str:
    root = people_root()
    return bytes(root.public_key).hex() if root else ""


def root_in_use() -> str:
    return trusted_roots()[0].hex()
