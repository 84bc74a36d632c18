"""What the page of readings may be asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from workers.codec_server.readings.contracts import Asked

DEFAULT_DAYS = 7


class ReadingsForm(forms.Form):
    """A part of a person's id, a namespace of those that ``namespaces`` lists, and the first and last day, in UTC."""

    person = forms.CharField(
        label="Person",
        max_length=320,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Part of an id"}),
    )
    namespace = forms.ChoiceField(label="Namespace", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, *, namespaces: list[str]) -> None:
        super().__init__(data)
        choices = [("", "All you oversee"), *((name, name) for name in namespaces)]
        self.fields["namespace"].choices = choices  # type: ignore[attr-defined]

    def asked(self) -> Asked:
        """Return what a valid form asks for: the last days unless it says otherwise."""
        given = self.cleaned_data
        until = given["until"] or datetime.now(UTC).date()
        try:
            since = given["since"] or until - timedelta(days=DEFAULT_DAYS - 1)
        except OverflowError:
            since = until
        return Asked(since=since, until=until, person=given["person"].strip(), namespace=given["namespace"])
