from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from slack_sdk.errors import SlackApiError, SlackClientError

from approvals.models import ChannelTrouble, SlackPerson
from approvals.notify.slack import client as slack
from approvals.notify.slack.settings import is_set_up


class Command(BaseCommand):
    help = "Says whether Slack lets this installation in, and since when it does not."

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_set_up():
            raise CommandError("Slack is not set up: see docs/slack.md.")
        for trouble in ChannelTrouble.objects.filter(channel="slack"):
            self.stdout.write(f"In trouble since {trouble.since:%Y-%m-%d %H:%M} UTC: {trouble.answer}")
        known = SlackPerson.objects.filter(team_id=settings.SLACK_TEAM_ID).count()
        self.stdout.write(f"{known} people are known by their Slack account.")
        team = _team()
        if team != settings.SLACK_TEAM_ID:
            raise CommandError(f"The token is for the workspace {team}, and SLACK_TEAM_ID is {settings.SLACK_TEAM_ID}.")
        self.stdout.write(f"Slack lets us in to the workspace {team}.")


def _team() -> str:
    try:
        return str(slack.client().auth_test().get("team_id"))
    except SlackApiError as error:
        raise CommandError(f"Slack refuses the token: {slack.code_of(error) or 'it does not say why'}.") from None
    except (*slack.NO_ANSWER, SlackClientError) as error:
        raise CommandError(f"Slack does not answer ({type(error).__name__}).") from None
