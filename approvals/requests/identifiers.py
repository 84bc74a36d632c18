"""The form of a request id, which a workflow makes and which stands in addresses."""

from __future__ import annotations

import re

# At least 8 characters, so that no id is one of the fixed words in the site map.
PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]{7,63}"
_WHOLE = re.compile(PATTERN)


def is_request_id(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None


class RequestIdConverter:
    """The ``request_id`` of the URL patterns."""

    regex = PATTERN

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
