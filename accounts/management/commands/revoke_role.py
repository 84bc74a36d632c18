"""``manage.py revoke_role ada approver``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.commands._people import BY, find_person, sentences
from accounts.roles.contracts import Role
from accounts.roles.services import revoke


class Command(BaseCommand):
    help = "Take a role that a person was given by hand, and record it in the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="their username, or their external id (issuer#subject)")
        parser.add_argument("role", choices=[role.value for role in Role])
        parser.add_argument("--namespace", default="", help="the namespace it was given in; all of them if left out")

    def handle(self, *args: Any, person: str, role: str, namespace: str, **options: Any) -> None:
        found = find_person(person)
        with sentences():
            revoke(person=found, role=Role(role), namespace=namespace, revoked_by=BY)
        place = namespace.strip() or "all namespaces"
        self.stdout.write(f"{found} ({found.external_id}) is no longer {role} in {place} by hand.")
