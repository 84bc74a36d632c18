"""Fields that several forms have."""

from __future__ import annotations

from typing import Any

from django import forms

from approvals.time_zones import is_time_zone


class TimeZoneField(forms.CharField):
    """The IANA name of a time zone that this machine knows; ``elements/time_zones.html`` lists them."""

    default_error_messages = {"unknown": "There is no time zone by that name here. Choose one of the list."}

    def __init__(self, **options: Any) -> None:
        attributes = {"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}
        usual: dict[str, Any] = {
            "label": "Time zone",
            "max_length": 64,
            "widget": forms.TextInput(attrs=attributes),
            "help_text": "As IANA names it: Europe/Berlin, America/New_York.",
        }
        super().__init__(**usual | options)

    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        if name and not is_time_zone(name):
            raise forms.ValidationError(self.error_messages["unknown"], code="unknown")
        return name
