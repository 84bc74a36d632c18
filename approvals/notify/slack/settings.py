"""Whether this installation talks with Slack, and which of its channels is told of what."""

from __future__ import annotations

from django.conf import settings


def is_set_up() -> bool:
    return bool(settings.SLACK_BOT_TOKEN and settings.SLACK_SIGNING_SECRET and settings.SLACK_TEAM_ID)


def slack_channel(namespace: str, policy: str) -> str:
    """Return the id of the channel for requests under ``policy`` in ``namespace``, or nothing.

    ``SLACK_CHANNELS`` names policies and namespaces; a policy's own channel comes first.
    """
    by_name: dict[str, str] = settings.SLACK_CHANNELS
    own = by_name.get(policy) if policy else None
    return own or by_name.get(namespace) or str(settings.SLACK_CHANNEL)
