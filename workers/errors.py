"""Why a process cannot start or go on, as one sentence for the person at the terminal."""

from __future__ import annotations


class StartFailed(Exception):
    """The process cannot start; the message says what to do."""


class PartEnded(Exception):
    """A part that must run as long as the process ended by itself."""
