"""The retraction that a browser signed, as a form carries it."""

from __future__ import annotations

from django import forms

from approvals.decisions.forms import SignedBytesField
from approvals.errors import MalformedInput, TooLarge


class RetractionForm(forms.Form):
    retraction = SignedBytesField()

    def signed(self) -> bytes:
        """Return the envelope's bytes. Raises ``MalformedInput`` or ``TooLarge``."""
        for field, errors in self.errors.as_data().items():
            kind = TooLarge if errors[0].code == "too_large" else MalformedInput
            raise kind(f"The signed {field} could not be read. {errors[0].messages[0]} Sign again.", field=field)
        retraction: bytes | None = self.cleaned_data["retraction"]
        if retraction is None:
            raise MalformedInput("Send a signed retraction.", field="retraction")
        return retraction
