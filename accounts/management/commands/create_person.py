"""``manage.py create_person ada --name "Ada Lovelace" --role approver``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import AccountError
from accounts.people.services import create
from accounts.roles.contracts import Role


class Command(BaseCommand):
    help = "Create a person who can sign in. They have no password: give them a sign-in link, or set one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="what they are known by here, for good: it is what their keys sign")
        parser.add_argument("--name", default="", help="the name people see; the username if left out")
        parser.add_argument("--role", choices=[role.value for role in Role], help="what they may do")

    def handle(self, *args: Any, username: str, name: str, role: str | None, **options: Any) -> None:
        try:
            person = create(
                username=username,
                display_name=name,
                role=Role(role) if role else None,
                created_by="command line",
            )
        except AccountError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"Created {person.display_name} ({person.external_id}), role: {role or 'none'}.")
