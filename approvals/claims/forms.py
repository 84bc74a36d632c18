"""What a claim is posted with."""

from __future__ import annotations

from django import forms

from approvals.errors import MalformedInput


class ClaimForm(forms.Form):
    """``take_over``: the id of another person's claim, or nothing."""

    take_over = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def claim_taken_over(self) -> int | None:
        """Return the id. Raises ``MalformedInput``."""
        if not self.is_valid():
            raise MalformedInput("take_over is not the number of a claim. Reload the page.", field="take_over")
        taken_over: int | None = self.cleaned_data["take_over"]
        return taken_over
