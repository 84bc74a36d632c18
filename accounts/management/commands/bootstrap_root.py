"""``manage.py bootstrap_root ada``: the ceremony from which every endorsement of a key leads. Once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.endorsements.fingerprints import in_groups
from accounts.endorsements.queries import find_person
from accounts.endorsements.services import establish_root
from accounts.errors import AccountError
from accounts.models import Person

_LOUD = (
    "THE PEOPLE ROOT WAS REPLACED. No key but this person's is endorsed now. Workers that pin the old root refuse "
    "every approval until their operators change PEOPLE_ROOTS, and browsers until their people accept the new one."
)


class Command(BaseCommand):
    help = (
        "Make the people root, endorse a person's enrolled key with it as the first security administrator's, "
        "forget the root's private key, and print the root."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="their username, or their external id such as local:ada")
        parser.add_argument("--key", default="", help="which of their keys: the first digits of its fingerprint")
        parser.add_argument("--replace", action="store_true", help="all administrators' keys are lost: begin anew")

    def handle(self, *args: Any, person: str, key: str, replace: bool, **options: Any) -> None:
        found = _find(person)
        try:
            root = establish_root(person=found, fingerprint=key, replace=replace)
        except AccountError as error:
            raise CommandError(error.sentence) from error
        if replace:
            self.stderr.write(_LOUD)
        self.stdout.write(f"{found.display_name} ({found.external_id}) is the first security administrator.")
        self.stdout.write("The people root’s fingerprint, to compare when it is read aloud:\n")
        self.stdout.write(f"{in_groups(root.fingerprint)}\n")
        self.stdout.write("Its private key is forgotten. Give the root to everybody who runs workers or audits:")
        self.stdout.write(f"PEOPLE_ROOTS={bytes(root.public_key).hex()}")


def _find(name: str) -> Person:
    found = find_person(name) or Person.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is nobody named {name!r}. Give their external id, such as local:ada.")
    return found
