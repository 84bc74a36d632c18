"""What a person answers to a program that waits."""

from __future__ import annotations

from django import forms


class DeviceDecisionForm(forms.Form):
    """The code, and one of two buttons."""

    code = forms.CharField(max_length=40)
    decision = forms.ChoiceField(choices=[("allow", "allow"), ("refuse", "refuse")])
