"""Who a person is in Slack, and who a Slack account is here: by a verified address, kept by id.

Both directions fail closed: an address that two people here have names neither, and one account is one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from django.conf import settings
from django.db import IntegrityError, transaction
from slack_sdk import WebClient

from accounts.models import Person
from accounts.people.addresses import people_by_address
from approvals.models import SlackPerson


def find(client: WebClient, person: Person) -> str:
    """Ask Slack for ``person``'s account, and keep its id; return it, or nothing if there is none for them alone.

    Raises what ``client`` raises; an address that Slack does not know is ``users_not_found``.
    """
    email = person.email.strip()
    if _only_person(email) != person:
        return ""
    account = client.users_lookupByEmail(email=email).get("user")
    return keep(person, account) if _is_one_of_ours(account) else ""


def person_of(client: WebClient, slack_id: str) -> Person | None:
    """Return the active person whose account this is, asking Slack for its address if no id is kept.

    Raises what ``client`` raises.
    """
    kept = SlackPerson.objects.filter(team_id=settings.SLACK_TEAM_ID, slack_id=slack_id).select_related("person")
    known = kept.first()
    if known is not None:
        still = known.person.is_active and known.email.casefold() == known.person.email.strip().casefold()
        return known.person if still else None
    account = client.users_info(user=slack_id).get("user")
    if not _is_one_of_ours(account) or account["id"] != slack_id:
        return None
    email = account.get("profile", {}).get("email")
    person = _only_person(email) if isinstance(email, str) else None
    return person if person is not None and keep(person, account) else None


def keep(person: Person, account: Mapping[str, Any]) -> str:
    """Keep the id of ``account`` for ``person``; return it, or nothing if it is somebody else's."""
    kept = {"team_id": settings.SLACK_TEAM_ID, "slack_id": str(account["id"]), "email": person.email.strip()}
    try:
        with transaction.atomic():
            SlackPerson.objects.update_or_create(person=person, defaults=kept)
    except IntegrityError:
        return ""
    return kept["slack_id"]


def forget(person: Person) -> None:
    """Drop the id that is kept for ``person``: it no longer works."""
    SlackPerson.objects.filter(person=person).delete()


def _only_person(email: str) -> Person | None:
    found = people_by_address([email]).get(email.lower())
    return found if found is not None and found.is_active else None


def _is_one_of_ours(account: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether this is a person's account in our workspace whose address Slack has not left unconfirmed."""
    if not isinstance(account, Mapping) or not isinstance(account.get("id"), str):
        return False
    if account.get("deleted") or account.get("is_bot") or account.get("is_stranger"):
        return False
    return account.get("team_id") == settings.SLACK_TEAM_ID and account.get("is_email_confirmed", True) is True
