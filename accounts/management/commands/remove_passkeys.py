"""``manage.py remove_passkeys ada``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Person
from accounts.passkeys.services import remove_all


class Command(BaseCommand):
    help = "Remove all passkeys of a person who has lost them, so that they can sign in and add a new one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        person = Person.objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is nobody called {username}.")
        number = remove_all(person=person, by="command line")
        self.stdout.write(f"{person.display_name} had {number} passkeys; they are removed, and the ledger says so.")
