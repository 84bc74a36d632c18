"""``manage.py sign_in_link ada``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import AccountError
from accounts.models import Person
from accounts.sign_in.services import issue_link


class Command(BaseCommand):
    help = "Print an address that signs a person in, once. Hand it over as you would a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--minutes", type=int, default=15, help="how long it works (default: 15)")

    def handle(self, *args: Any, username: str, minutes: int, **options: Any) -> None:
        person = Person.objects.filter(username=username, is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody active is called {username!r}. Create them with: manage.py create_person")
        try:
            self.stdout.write(issue_link(person=person, valid_for_seconds=minutes * 60))
        except AccountError as error:
            raise CommandError(error.sentence) from error
