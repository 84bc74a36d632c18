"""Keeping ways in out of the logs."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(/sign-in/)[^/\s?\"]+")


class HideTokens(logging.Filter):
    """Masks the token of a sign-in link wherever an address is logged: the link may still be unused."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "/sign-in/" in text:
            record.msg, record.args = _TOKEN.sub(r"\1…", text), ()
        return True
