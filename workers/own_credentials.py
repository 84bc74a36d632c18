"""The credentials of this installation's own activities, from its settings."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from workers.credentials.errors import CredentialSettingsWrong
from workers.credentials.fetching import Credentials
from workers.credentials.settings import CredentialSettings, credentials_from
from workers.errors import StartFailed

# A provider keeps no secret, but knows how to ask for one.
_made = lru_cache(maxsize=4)(credentials_from)


def credentials() -> Credentials:
    """Return this installation's credentials. Raises ``StartFailed`` for settings that cannot be right."""
    try:
        return _made(
            CredentialSettings(
                provider=settings.CREDENTIALS,
                aws_role=settings.CREDENTIALS_AWS_ROLE,
                aws_region=settings.CREDENTIALS_AWS_REGION,
                aws_prefix=settings.CREDENTIALS_AWS_PREFIX,
                aws_endpoint=settings.CREDENTIALS_AWS_ENDPOINT,
            )
        )
    except CredentialSettingsWrong as wrong:
        raise StartFailed(str(wrong)) from None
