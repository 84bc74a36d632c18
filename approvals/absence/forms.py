"""What an absence is posted with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.forms.fields import BaseTemporalField

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach, reach
from approvals.absence.queries import overseen
from approvals.fields import TimeZoneField
from approvals.on_call.people import candidates

_MOMENT = "%Y-%m-%dT%H:%M"
_EARLIEST, _LATEST = 2000, 2100


class WallField(BaseTemporalField):
    """A time on the wall, without a time zone: which one, another field says."""

    widget = forms.DateTimeInput(format=_MOMENT, attrs={"type": "datetime-local"})
    input_formats = (_MOMENT, f"{_MOMENT}:%S")
    default_error_messages = {"invalid": "Give a day and a time."}

    def to_python(self, value: Any) -> datetime | None:
        return None if value in self.empty_values else super().to_python(value)

    def strptime(self, value: str, format: str) -> datetime:
        found = datetime.strptime(value, format)  # noqa: DTZ007
        if not _EARLIEST <= found.year <= _LATEST:
            raise ValueError
        return found


class AbsenceForm(forms.Form):
    """From when to when, by whose clock, and who stands in. ``person``: only for whoever oversees others."""

    person = forms.ModelChoiceField(Person.objects.none(), label="Who is away", required=False, empty_label="you")
    begins = WallField(label="From")
    ends = WallField(label="To")
    time_zone = TimeZoneField()
    stand_in = forms.ModelChoiceField(Person.objects.none(), label="Tell instead", required=False, empty_label="nobody")

    def __init__(self, data: Any = None, *, by: Person, oversees: Reach, time_zone: str) -> None:
        super().__init__(data, initial={"time_zone": time_zone})
        self._by = by
        approves = reach(by, Role.APPROVER)
        if oversees:
            _offer(self.fields["person"], overseen(oversees).exclude(pk=by.pk))
            # Who of these can stand in for whom is asked when it is noted.
            both = Reach(approves.everywhere or oversees.everywhere, approves.namespaces | oversees.namespaces)
            _offer(self.fields["stand_in"], candidates(both))
        else:
            del self.fields["person"]
            _offer(self.fields["stand_in"], candidates(approves).exclude(pk=by.pk))

    @property
    def values(self) -> dict[str, Any]:
        """What ``services.note`` takes, of a valid form."""
        found = self.cleaned_data
        zone = ZoneInfo(found["time_zone"])
        return {
            "person": found.get("person") or self._by,
            "stand_in": found["stand_in"],
            "begins": _moment(found["begins"], zone),
            "ends": _moment(found["ends"], zone),
            "time_zone": found["time_zone"],
        }


def _offer(field: forms.Field, people: QuerySet[Person]) -> None:
    assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
    field.queryset = people


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when it is that late there, as hand-overs do: RFC 5545, section 3.3.5."""
    return wall.replace(tzinfo=zone).astimezone(UTC)
