"""What the history keeps of a model call besides request and answer. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from workers.incident.contracts import ModelCall
from workers.incident.models import prompt

# A provider's own words, as far as they can be a name or an id.
_WORD = re.compile(r"[\x21-\x7e]{1,200}")


def record_of(provider: str, body: dict[str, Any], data: object) -> ModelCall:
    """Return the record of a call that sent ``body`` to ``provider`` and got ``data``."""
    said: dict[str, Any] = data if isinstance(data, dict) else {}
    messages = [message for message in body["messages"] if message["role"] != "system"]
    return ModelCall(
        provider=provider,
        asked_for=body["model"],
        model=_word(said.get("model")),
        request_id=_word(said.get("id")),
        instructions=prompt.SYSTEM,
        messages=len(messages),
        sent_sha256=digest_of(body),
    )


def digest_of(body: dict[str, Any]) -> str:
    """Return the SHA-256 of a request's body, in hexadecimal."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _word(value: object) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""
