"""What can stop a command. The message is the one sentence that a person sees."""

from __future__ import annotations


class CannotGoOn(Exception):
    """Nothing was signed or sent beyond what was said before; the message says what to do."""


class SiteRefused(CannotGoOn):
    """The site did not do what was asked; the message is its sentence, or its status.

    ``code`` is the site's name for the refusal, or empty.
    """

    def __init__(self, sentence: str, *, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class KeyRefused(CannotGoOn):
    """The key cannot be used: a wrong passphrase, a damaged file, a token that is not there."""
