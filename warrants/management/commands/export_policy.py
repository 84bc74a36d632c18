"""``manage.py export_policy incident-response --python > incident_response.py``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from warrants.errors import WarrantError
from warrants.policies.exporting import python_of
from warrants.policies.queries import text_of
from warrants.policies.rules import parse_policy


class Command(BaseCommand):
    help = "Print a policy: the one that is in force, or any version that was written here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the policy's name, as /policies/ lists it")
        parser.add_argument("--number", type=int, help="a version that was written here, in force or not")
        parser.add_argument("--python", action="store_true", help="as Python that mints the same warrants with tenuo")

    def handle(self, *args: Any, name: str, number: int | None, python: bool, **options: Any) -> None:
        try:
            text = text_of(name, number)
            exported = python_of(parse_policy(text)) if python else text
        except WarrantError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(exported, ending="" if exported.endswith("\n") else "\n")
