"""A token made by hand."""

from __future__ import annotations

from django import forms

LIFETIMES = {8: "8 hours", 24: "a day", 7 * 24: "a week", 30 * 24: "30 days"}


class TokenForm(forms.Form):
    """Its name, and how long it works."""

    name = forms.CharField(
        label="What it is for",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Command line on my laptop"}),
    )
    hours = forms.TypedChoiceField(label="How long it works", choices=list(LIFETIMES.items()), coerce=int)
