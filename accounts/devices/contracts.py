"""How a program signs in through a browser: times and codes. The shape is RFC 8628's."""

from __future__ import annotations

import secrets
from datetime import timedelta

DEVICE_LIFETIME = timedelta(minutes=10)
# How long a program waits between two questions, in seconds; asking sooner adds to it.
POLL_SECONDS = 2
SLOW_DOWN_SECONDS = 5
# Consonants that no eye and no ear takes for one another's neighbours (RFC 8628, section 6.1).
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH = 8


def new_user_code() -> str:
    return "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))


def normalised_user_code(typed: str) -> str:
    """Return what a person typed as a code is stored: capitals, no hyphen, no spaces; empty if it can be no code."""
    letters = "".join(typed.upper().replace("-", "").split())
    is_code = len(letters) == USER_CODE_LENGTH and set(letters) <= set(USER_CODE_LETTERS)
    return letters if is_code else ""
