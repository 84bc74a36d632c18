"""A token made by hand."""

from __future__ import annotations

from django import forms

from accounts.tokens.contracts import Scope

LIFETIMES = {8: "8 hours", 24: "a day", 7 * 24: "a week", 30 * 24: "30 days"}


class TokenForm(forms.Form):
    """Its name, how long it works, and what for, which only those who may mint are asked."""

    name = forms.CharField(
        label="What it is for",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Command line on my laptop"}),
    )
    hours = forms.TypedChoiceField(label="How long it works", choices=list(LIFETIMES.items()), coerce=int)
    scope = forms.TypedChoiceField(
        label="What it may do",
        choices=[
            (Scope.COMMAND_LINE.value, "The command line: review and decide as you"),
            (Scope.MINTING.value, "Mint warrants over HTTP, and nothing else"),
        ],
        coerce=Scope,
        required=False,
        empty_value=Scope.COMMAND_LINE,
    )
