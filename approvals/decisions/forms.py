"""The bytes a browser signed, as a form carries them."""

from __future__ import annotations

import base64
import binascii

from django import forms

from approvals.errors import MalformedInput, TooLarge

MAXIMUM_BASE64 = 32 * 1024


class SignedBytesField(forms.Field):
    """Standard base64 of what was signed; cleans to bytes, or None if it is absent."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: str | None) -> bytes | None:
        if not value:
            return None
        if len(value) > MAXIMUM_BASE64:
            raise forms.ValidationError("This is longer than any signed decision.", code="too_large")
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise forms.ValidationError("This is not standard base64.", code="malformed") from None


class DecisionForm(forms.Form):
    """Exactly one of ``approval`` (Tenuo SignedApproval) and ``denial`` (denial envelope).

    ``confirmation``: what was typed to confirm an approval.
    """

    approval = SignedBytesField()
    denial = SignedBytesField()
    # Compared and not kept, so that any text will do.
    confirmation = forms.Field(required=False)

    def signed(self) -> tuple[bytes | None, bytes | None]:
        """Return (approval, denial), one of which is None. Raises ``MalformedInput`` or ``TooLarge``."""
        for field, errors in self.errors.as_data().items():
            kind = TooLarge if errors[0].code == "too_large" else MalformedInput
            raise kind(f"The signed {field} could not be read. {errors[0].messages[0]} Sign again.", field=field)
        approval, denial = self.cleaned_data["approval"], self.cleaned_data["denial"]
        if (approval is None) == (denial is None):
            raise MalformedInput("Send either a signed approval or a signed denial.", field="approval")
        return approval, denial
