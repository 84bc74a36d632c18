"""``manage.py resume_namespace payments``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from warrants.errors import WarrantError
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.services import lift


class Command(BaseCommand):
    help = "Let warrants be minted again for a namespace that was stopped. What was revoked stays revoked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("namespace")

    def handle(self, *args: Any, namespace: str, **options: Any) -> None:
        try:
            lift(aim=Aim(Scope.NAMESPACE, namespace), lifted_by="command line")
        except WarrantError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"Warrants are minted for {namespace} again.")
