"""Which provider a worker has, from one line of text and, for AWS, four more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from workers.credentials.errors import CredentialSettingsWrong
from workers.credentials.fetching import Credentials, Provider
from workers.credentials.providers.aws import AwsProvider, AwsSettings
from workers.credentials.providers.environment import EnvironmentProvider
from workers.credentials.providers.files import FileProvider


@dataclass(frozen=True, slots=True)
class CredentialSettings:
    """``provider`` is ``environment``, ``aws`` or the address of a directory, ``file:///etc/agents/credentials``."""

    provider: str = "environment"
    aws_role: str = ""
    aws_region: str = ""
    aws_prefix: str = ""
    aws_endpoint: str = ""


def credentials_from(settings: CredentialSettings) -> Credentials:
    """Return the credentials that ``settings`` describe. Raises ``CredentialSettingsWrong``."""
    return Credentials(_provider(settings))


def _provider(settings: CredentialSettings) -> Provider:
    if settings.provider == "environment":
        return EnvironmentProvider()
    if settings.provider == "aws":
        return AwsProvider(
            AwsSettings(settings.aws_role, settings.aws_region, settings.aws_prefix, settings.aws_endpoint)
        )
    address = urlsplit(settings.provider)
    if address.scheme == "file" and not address.netloc and address.path.startswith("/"):
        return FileProvider(Path(unquote(address.path)))
    raise CredentialSettingsWrong(
        "CREDENTIALS must be environment, aws, or a directory such as file:///etc/credentials."
    )
