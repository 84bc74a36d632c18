"""What somebody says who takes evidence away."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError

from audit.export.earlier import Kept
from audit.export.errors import NotACheckpoint
from audit.statements.notes import MAXIMUM_BYTES


class EvidenceForm(forms.Form):
    """A checkpoint that they keep, if any, pasted: ``cleaned_data["checkpoint"]`` is its text, or empty."""

    checkpoint = forms.CharField(
        label="A checkpoint you keep",
        required=False,
        strip=False,
        max_length=MAXIMUM_BYTES,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="Paste it whole. The file then also proves that nothing was written anew since you saved it.",
    )

    def clean_checkpoint(self) -> str:
        pasted: str = self.cleaned_data["checkpoint"]
        if not pasted.strip():
            return ""
        # As in the file that it comes from: browsers send lines as "\r\n", and people lose the last one's end.
        text = pasted.replace("\r\n", "\n").strip("\n") + "\n"
        try:
            return Kept.of(text).text
        except NotACheckpoint as error:
            raise ValidationError(str(error)) from error

    @property
    def kept(self) -> list[str]:
        """Return the checkpoints of a valid form."""
        text = self.cleaned_data["checkpoint"]
        return [text] if text else []
