"""What a step-up is for, and how it was given. Pure."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

# The person's own passkeys: adding one and removing one.
PASSKEYS = "passkeys"
_APPROVAL = "approval:"
_PURPOSE = re.compile(r"passkeys|approval:[A-Za-z0-9_-]{8,64}")


class Method(StrEnum):
    """How somebody showed that it is them. Values are stored and signed; none is ever reused."""

    PASSKEY = "passkey"  # with user verification: a finger, a face or a PIN at the authenticator
    SSO = "sso"  # the provider asked them again (prompt=login) and said when


def approval(request_id: str) -> str:
    """Return the purpose "approve this one request"."""
    return f"{_APPROVAL}{request_id}"


def is_purpose(text: str) -> bool:
    """Return whether ``text``, which a client sent, is a purpose that a step-up can have."""
    return _PURPOSE.fullmatch(text) is not None


def session_mark(session_key: str | None) -> str:
    """Return what is stored of a session: the SHA-256 of its key, in hex."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()
