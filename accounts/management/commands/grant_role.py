"""``manage.py grant_role ada security_administrator``: how the first administrator comes to be."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.commands._people import BY, find_person, sentences
from accounts.roles.contracts import Role
from accounts.roles.services import grant


class Command(BaseCommand):
    help = "Give a person a role, and record it in the ledger. Giving it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="their username, or their external id (issuer#subject)")
        parser.add_argument("role", choices=[role.value for role in Role])
        parser.add_argument("--namespace", default="", help="the Temporal namespace; all of them if left out")

    def handle(self, *args: Any, person: str, role: str, namespace: str, **options: Any) -> None:
        found = find_person(person)
        with sentences():
            grant(person=found, role=Role(role), namespace=namespace, granted_by=BY)
        self.stdout.write(f"{found} ({found.external_id}) is {role} in {namespace.strip() or 'all namespaces'}.")
