"""Who answers: a recorded cassette, or a provider over HTTP. Chosen by settings; the key is a credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from workers.incident.contracts import ModelAnswer, ModelRequest
from workers.incident.models.cassettes.player import CassettePlayer
from workers.incident.models.errors import ModelSettingsWrong
from workers.incident.models.wire.anthropic import AnthropicMessages
from workers.incident.models.wire.openai import OpenAIChat

# Anything else would be quoted, key and all, in the HTTP library's own error.
_KEY = re.compile(r"[\x21-\x7e]{8,512}")


class ModelProvider(Protocol):
    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Return what the model wants next. Raises ``ModelError``."""
        ...


# The credential that holds a provider's key.
_KEY_NAMES = {"anthropic": "anthropic-api-key", "openai": "openai-api-key"}


@dataclass(frozen=True)
class ModelSettings:
    """``provider`` is cassette, anthropic or openai (anything that speaks OpenAI's chat completions)."""

    provider: str
    name: str = ""
    base_url: str = ""
    cassettes: Path = CassettePlayer.SHIPPED

    @property
    def key_name(self) -> str:
        """Return the name of the credential that this provider needs; empty for one that needs none."""
        return _KEY_NAMES.get(self.provider, "")

    @property
    def needs_key(self) -> bool:
        """Whether there must be a key: a server of one's own may want none."""
        return bool(self.key_name) and not (self.provider == "openai" and self.base_url)


def provider_for(settings: ModelSettings, key: str = "") -> ModelProvider:
    """Return the provider that ``settings`` name, with its ``key``. Raises ``ModelSettingsWrong``."""
    if settings.provider == "cassette":
        return CassettePlayer(settings.cassettes)
    if settings.provider == "anthropic":
        return AnthropicMessages(
            base_url=_base_url(settings, "https://api.anthropic.com"),
            model=_model(settings),
            key=_checked(key, settings),
        )
    if settings.provider == "openai":
        return OpenAIChat(
            base_url=_base_url(settings, "https://api.openai.com/v1"),
            model=_model(settings),
            key=_checked(key, settings),
        )
    raise ModelSettingsWrong("MODEL_PROVIDER must be cassette, anthropic or openai.")


def _model(settings: ModelSettings) -> str:
    if not settings.name:
        raise ModelSettingsWrong(f"Set MODEL_NAME to the model that {settings.provider} should use.")
    return settings.name


def _base_url(settings: ModelSettings, usual: str) -> str:
    parts = urlsplit(settings.base_url or usual)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ModelSettingsWrong("MODEL_BASE_URL must be an address such as https://models.example.com/v1.")
    return parts.geturl().rstrip("/")


def _checked(key: str, settings: ModelSettings) -> str:
    """Return ``key`` if a provider could have given it. Its text never reaches an error."""
    if (not key and not settings.needs_key) or _KEY.fullmatch(key):
        return key
    raise ModelSettingsWrong(f"The credential {settings.key_name} does not hold a key of {settings.provider}.")
