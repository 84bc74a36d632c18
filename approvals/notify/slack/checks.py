"""Start-up checks: settings with which half of Slack would work stop every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, register

from accounts.sign_in.addresses import is_loopback

_NEEDED = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_TEAM_ID")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,39}")


def connect() -> None:
    register(check_slack)


def check_slack(**_: Any) -> list[Error]:
    """Whether Slack is set up whole, or not at all."""
    return list(_problems())


def _problems() -> Iterator[Error]:
    missing = [name for name in _NEEDED if not getattr(settings, name).strip()]
    channels = [*settings.SLACK_CHANNELS.values(), *filter(None, [settings.SLACK_CHANNEL])]
    if (len(missing) < len(_NEEDED) or channels) and missing:
        yield Error(
            f"Slack is half set up: {' and '.join(missing)} missing.",
            hint="Set all of them, or nothing of Slack: docs/slack.md.",
            id="approvals.E001",
        )
    for channel in channels:
        if not _CHANNEL.fullmatch(channel):
            yield Error(
                f"{channel!r} is no id of a Slack channel.",
                hint="Take the id from the end of the channel's details in Slack, such as C024BE91L; not its name.",
                id="approvals.E002",
            )
    if urlsplit(settings.SLACK_API_URL).scheme != "https" and not is_loopback(settings.SLACK_API_URL):
        yield Error(
            "SLACK_API_URL must be https: the token goes there.",
            hint="Leave it empty for Slack itself.",
            id="approvals.E003",
        )
