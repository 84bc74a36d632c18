"""Who answers: a recorded cassette, or a provider over HTTP. Chosen by settings, with keys read at the last moment."""

from __future__ import annotations

import os
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


@dataclass(frozen=True)
class ModelSettings:
    """``provider`` is cassette, anthropic or openai (anything that speaks OpenAI's chat completions)."""

    provider: str
    name: str = ""
    base_url: str = ""
    cassettes: Path = CassettePlayer.SHIPPED


def provider_for(settings: ModelSettings) -> ModelProvider:
    """Return the provider that ``settings`` name. Raises ``ModelSettingsWrong``."""
    if settings.provider == "cassette":
        return CassettePlayer(settings.cassettes)
    if settings.provider == "anthropic":
        return AnthropicMessages(
            base_url=_base_url(settings, "https://api.anthropic.com"),
            model=_model(settings),
            key=_key("ANTHROPIC_API_KEY"),
        )
    if settings.provider == "openai":
        # A server of one's own may want no key.
        return OpenAIChat(
            base_url=_base_url(settings, "https://api.openai.com/v1"),
            model=_model(settings),
            key=_key("OPENAI_API_KEY", required=not settings.base_url),
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


def _key(name: str, *, required: bool = True) -> str:
    """Return the key in the variable, or in the file that ``<name>_FILE`` names. Its text never reaches an error."""
    path = os.environ.get(f"{name}_FILE", "")
    try:
        key = Path(path).read_text().strip() if path else os.environ.get(name, "").strip()
    except (OSError, ValueError):
        raise ModelSettingsWrong(f"{name}_FILE names a file that cannot be read.") from None
    if not key and not required:
        return ""
    if not _KEY.fullmatch(key):
        raise ModelSettingsWrong(f"Set {name}, or {name}_FILE, to the provider's key.")
    return key
