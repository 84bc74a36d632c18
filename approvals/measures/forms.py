"""Which time the measures are of."""

from __future__ import annotations

from django import forms

DAYS = (7, 30)


class MeasuresForm(forms.Form):
    days = forms.TypedChoiceField(choices=[(days, f"{days} days") for days in DAYS], coerce=int, required=False)
