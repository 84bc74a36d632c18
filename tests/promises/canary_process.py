"""``python -m tests.promises.canary_process ORDER READY``: the demo's incident, then its payment, then it stays up.

One process as ``manage.py demo`` starts it. ORDER is a JSON file of what to plant. When the stories are told and all
histories exported, READY is written, with the links that sign two visitors in.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware
from temporalio.client import Client

from config import demo

Answers = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
BASE = Path(__file__).resolve().parents[2]
# A viewer, and a reader of what was said.
VIEWER, READER = "vera", "rita"
# What has ended when both stories have; the sweeps' and the exports' own runs come and go.
ENDED = {
    "default": "IncidentWorkflow",
    "finance-ai-prd": "PaymentAgentWorkflow",
    "finance-payments-prd": "PaymentWorkflow",
}


def main(order: Path, ready: Path) -> int:
    demo.prepare(BASE)
    os.environ["NAMESPACES_FILE"] = str(BASE / demo.PAYMENT_NAMESPACES)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from django.core.management import call_command

    from workers.embedded import Parts, run

    # Programs approve at once, and what is over before somebody was told of it is not told.
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__spec__.name}.decide_when_all_are_told"]
    wanted = json.loads(order.read_text())
    call_command("setup", verbosity=0)
    plant(wanted["words"], wanted["browsers"])
    return run(Parts(), story=lambda: tell(wanted, ready))


@async_only_middleware
def decide_when_all_are_told(get_response: Answers) -> Answers:
    """Let what is decided wait until everybody was asked."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path.startswith("/approvals/"):
            await all_are_told("opened")
        return await get_response(request)

    return middleware


async def all_are_told(*events: str) -> None:
    """Wait until nothing of ``events``, or nothing at all, is still to be told."""
    from approvals.models import Notification

    waiting = Notification.objects.filter(state__in=["waiting", "sending"])
    if events:
        waiting = waiting.filter(event__in=events)
    async with asyncio.timeout(60):
        while await waiting.aexists():  # noqa: ASYNC110 - another thread of this process tells
            await asyncio.sleep(0.1)


def plant(words: dict[str, str], browsers: dict[str, dict[str, str]]) -> None:
    """Let tools answer with planted words, payments be ordered with some, and everybody be reached by mail and push."""
    from django.db.models.signals import post_save, pre_save

    from accounts.models import Person
    from approvals.notify.push.services import subscribe
    from workers.demo import payment
    from workers.incident.stories import SERVICES, LogLine
    from workers.payments.book import Book
    from workers.payments.contracts import PaymentRecord

    SERVICES["payment-service-prod"].logs.append(LogLine(1, "INFO ", words["result"]))
    payment.ORDER = replace(payment.ORDER, reference=words["payment-argument"], reasoning=words["payment-reasoning"])

    pay = Book.pay

    def planted(self: Book, one: PaymentRecord) -> PaymentRecord:
        return pay(self, replace(one, currency=words["payment-result"]))

    Book.pay = planted

    def address(instance: Person, **_: Any) -> None:
        instance.email = f"{instance.username}@mail.example"

    def allow(instance: Person, created: bool, **_: Any) -> None:
        if created and instance.username in browsers:
            subscribe(person=instance, browser="Phone", **browsers[instance.username])

    pre_save.connect(address, sender=Person, weak=False)
    post_save.connect(allow, sender=Person, weak=False)


async def tell(wanted: dict[str, Any], ready: Path) -> int:
    from workers.database import in_thread
    from workers.demo.payment import PaymentStory
    from workers.demo.story import AUTOMATIC, Story

    incident = Story(alert_file=Path(wanted["alert"]), incident=wanted["incident"], script=AUTOMATIC)
    for story in (incident, PaymentStory()):
        if code := await story.tell():
            return code
    await all_are_told()
    await export_all()
    links = await in_thread(visitors)
    written = ready.with_suffix(".part")
    written.write_text(json.dumps(links))
    written.rename(ready)
    return int(await asyncio.Event().wait())


async def export_all() -> None:
    """Export what is closed, as the schedule would when the hour is over."""
    from tests.export.conftest import export
    from workers.client import in_namespace, shared

    for namespace, ended in ENDED.items():
        client = in_namespace(shared().plain, namespace)
        async with asyncio.timeout(60):
            # What is listed lags behind what happened.
            while not await _has_ended(client, ended):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await export(client, settings.EXPORT_TARGET)


async def _has_ended(client: Client, kind: str) -> bool:
    closed = await client.count_workflows(f'WorkflowType = "{kind}" AND CloseTime IS NOT NULL')
    running = await client.count_workflows('ExecutionStatus = "Running"')
    return closed.count > 0 and running.count == 0


def visitors() -> dict[str, str]:
    """Return a link for each of the two who visit."""
    from accounts.people.services import create
    from accounts.roles.contracts import Role
    from accounts.sign_in.services import issue_link

    return {
        username: issue_link(
            person=create(username=username, display_name=username.title(), role=role, created_by="the test"),
            valid_for_seconds=600,
        )
        for username, role in ((VIEWER, Role.VIEWER), (READER, Role.PAYLOAD_READER))
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
