from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.roles.queries import Reach
from approvals.notify.contracts import Result
from approvals.notify.webhooks.services import send_test
from approvals.notify.webhooks.settings import receivers


class Command(BaseCommand):
    help = "Sends a test to a receiver of webhooks, and says what it answered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="a receiver's name in WEBHOOKS")

    def handle(self, *args: Any, **options: Any) -> None:
        answer = send_test(name=options["name"], within=Reach(True, frozenset()))
        if answer is None:
            known = ", ".join(receivers()) or "none"
            raise CommandError(f"WEBHOOKS has no receiver {options['name']}; it has: {known}.")
        if answer.result is not Result.SENT:
            raise CommandError(answer.text)
        self.stdout.write(answer.text)
