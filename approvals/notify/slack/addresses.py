"""Where Slack reaches people and places: an account by the person's address, and channels by the settings."""

from __future__ import annotations

from django.conf import settings

from accounts.models import Person
from approvals.models import SlackPerson
from approvals.notify.contracts import Place
from approvals.notify.slack.settings import slack_channel


def address_of(person: Person) -> str:
    """Return the Slack id kept for ``person``, else the e-mail address to find it by; or nothing."""
    email = person.email.strip()
    kept = SlackPerson.objects.filter(person=person, team_id=settings.SLACK_TEAM_ID, email__iexact=email).first()
    return kept.slack_id if kept else email


def places_of(namespace: str, policy: str) -> list[Place]:
    """Return the channel that is told of requests under ``policy`` in ``namespace``."""
    found = slack_channel(namespace, policy)
    return [Place(found, f"Slack channel {found}")] if found else []
