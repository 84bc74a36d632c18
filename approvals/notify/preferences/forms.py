"""How a person wants to be told."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Person
from approvals.fields import TimeZoneField
from approvals.notify.preferences.queries import choices, quiet_hours
from approvals.notify.preferences.services import Quiet

_TIME = {"type": "time"}


class PreferencesForm(forms.Form):
    """The channels that are on, and quiet hours: both times, or neither."""

    channels = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    begins = forms.TimeField(label="From", required=False, widget=forms.TimeInput(format="%H:%M", attrs=_TIME))
    ends = forms.TimeField(label="To", required=False, widget=forms.TimeInput(format="%H:%M", attrs=_TIME))
    time_zone = TimeZoneField(required=False)

    def __init__(self, data: Any = None, *, person: Person) -> None:
        own, hours = choices(person), quiet_hours(person)
        initial = {
            "channels": [channel.name for channel in own if channel.is_on],
            "begins": hours and hours.begins,
            "ends": hours and hours.ends,
            "time_zone": hours.time_zone if hours else "UTC",
        }
        super().__init__(data, initial=initial)
        field = self.fields["channels"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(channel.name, channel.label) for channel in own]

    @property
    def chosen(self) -> list[str]:
        """The names of the channels that are on, as they were sent or stand."""
        value = self["channels"].value()
        return list(value) if isinstance(value, list) else []

    @property
    def quiet(self) -> Quiet | None:
        """The quiet hours of a valid form; None if there are to be none."""
        found = self.cleaned_data
        return Quiet(found["begins"], found["ends"], found["time_zone"]) if found["begins"] is not None else None

    def clean(self) -> None:
        found = self.cleaned_data
        if "begins" not in found or "ends" not in found:
            return
        begins, ends = found["begins"], found["ends"]
        if (begins is None) != (ends is None):
            self.add_error("ends" if ends is None else "begins", "Give both times, or neither for no quiet hours.")
        elif begins is not None and begins == ends:
            self.add_error("ends", "Quiet hours that end when they begin are none. Give another time.")
        elif begins is not None and not found.get("time_zone") and "time_zone" not in self.errors:
            self.add_error("time_zone", "Say whose clock counts.")
