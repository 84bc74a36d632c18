"""``manage.py enable_person ada``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.commands._people import BY, find_person, sentences
from accounts.people.services import enable


class Command(BaseCommand):
    help = "Let a disabled person sign in again, with the roles and keys they have."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="their username, or their external id (issuer#subject)")

    def handle(self, *args: Any, person: str, **options: Any) -> None:
        found = find_person(person)
        with sentences():
            enable(person=found, enabled_by=BY)
        self.stdout.write(f"{found} ({found.external_id}) can sign in.")
