"""What rotations, who steps in, and ladders are posted with."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from accounts.models import Person
from accounts.roles.queries import Reach
from approvals.fields import TimeZoneField
from approvals.models import OnCallRotation
from approvals.on_call.contracts import MAXIMUM_DAYS
from approvals.on_call.elsewhere.settings import schedules
from approvals.on_call.people import candidates
from approvals.on_call.services import NewStep
from approvals.time_zones import zone_named

MAXIMUM_PEOPLE = 30
SPARE_PLACES = 3
LONGEST_OVERRIDE = timedelta(days=90)
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 1, 1)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOMENT = "%Y-%m-%dT%H:%M"


class RotationForm(forms.ModelForm):
    """A rotation, and its people in order as ``person_1``, ``person_2``…; places that are left empty are skipped."""

    weekday = forms.TypedChoiceField(
        label="Hands over on",
        required=False,
        empty_value=None,
        coerce=int,
        choices=[("", "no weekday: every so many days"), *enumerate(_DAYS)],
    )
    every_days = forms.IntegerField(
        label="Every so many days",
        min_value=1,
        max_value=MAXIMUM_DAYS,
        initial=7,
        help_text="Counts if there is no weekday. 1 is every day.",
    )
    time_zone = TimeZoneField()

    class Meta:
        model = OnCallRotation
        fields = ["name", "namespace", "schedule", "hands_over", "weekday", "every_days", "time_zone", "starts_on"]
        labels = {"hands_over": "At", "starts_on": "Begins on"}
        help_texts = {
            "namespace": "Its people decide here. Empty: in all namespaces.",
            "hands_over": "By the clock on the wall there.",
        }
        widgets = {
            "hands_over": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "starts_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }

    def __init__(self, *args: Any, edits: Reach, **options: Any) -> None:
        super().__init__(*args, **options)
        self._edits = edits
        members = [one.person_id for one in self.instance.members.all()] if self.instance.pk else []
        # Who has left is still there to be seen, and replaced.
        people = candidates(edits) | Person.objects.filter(pk__in=members).distinct()
        choices = _schedules(self.instance.schedule, edits)
        self.has_schedules = len(choices) > 1
        self.fields["schedule"] = forms.ChoiceField(
            label="Who is on call",
            required=False,
            choices=choices,
            help_text="Taken from a schedule, people and hand-over below do not count.",
        )
        places = min(len(members) + SPARE_PLACES, MAXIMUM_PEOPLE)
        self.places = [f"person_{number}" for number in range(1, places + 1)]
        for number, place in enumerate(self.places):
            self.fields[place] = forms.ModelChoiceField(
                people,
                label=f"Number {number + 1}",
                required=False,
                empty_label="nobody",
                initial=members[number] if number < len(members) else None,
            )

    @property
    def people_fields(self) -> list[forms.BoundField]:
        return [self[place] for place in self.places]

    @property
    def people(self) -> list[Person]:
        """The people of a valid form, in order."""
        if self.is_taken:
            return []
        return [self.cleaned_data[place] for place in self.places if self.cleaned_data[place] is not None]

    @property
    def is_taken(self) -> bool:
        """Whether a valid form says that who is on call is kept elsewhere."""
        return bool(self.cleaned_data["schedule"])

    def clean_namespace(self) -> str:
        namespace = str(self.cleaned_data["namespace"])
        if namespace not in self._edits:
            raise forms.ValidationError("You are no security administrator there. Name a namespace of yours.")
        return namespace

    def clean_starts_on(self) -> date | None:
        day: date | None = self.cleaned_data["starts_on"]
        if day is not None and not _EARLIEST <= day <= _LATEST:
            raise forms.ValidationError("Give a day between 2000 and 2100.")
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if self.is_taken:
            named = schedules().get(cleaned["schedule"])
            if named is not None and not named.serves(cleaned["namespace"]):
                self.add_error("schedule", "The operator keeps this schedule for other namespaces. Choose another.")
            return cleaned
        for name in ("hands_over", "starts_on"):
            if cleaned[name] is None:
                self.add_error(name, "This is needed where people take turns.")
        if not self.people:
            self.add_error("person_1", "Name at least one person, or nobody is ever on call.")
        return cleaned


def _schedules(chosen: str, edits: Reach) -> list[tuple[str, str]]:
    """Return what can be chosen: turns kept here, each schedule that the setting names there, and the one in use."""
    known = {
        name: f"taken from {name} ({one.kind.label})"
        for name, one in schedules().items()
        if name == chosen or edits.everywhere or any(one.serves(namespace) for namespace in edits.namespaces)
    }
    gone = {chosen: f"taken from {chosen}, which ON_CALL_SCHEDULES does not name"} if chosen else {}
    return [("", "people who take turns"), *(gone | known).items()]


class StepInForm(forms.Form):
    """Who steps in, from when to when by the clock of the rotation's time zone."""

    person = forms.ModelChoiceField(Person.objects.none(), label="Who", empty_label="choose")
    begins = forms.DateTimeField(
        label="From", widget=forms.DateTimeInput(format=_MOMENT, attrs={"type": "datetime-local"})
    )
    ends = forms.DateTimeField(label="To", widget=forms.DateTimeInput(format=_MOMENT, attrs={"type": "datetime-local"}))

    def __init__(self, *args: Any, rotation: OnCallRotation, **options: Any) -> None:
        super().__init__(*args, **options)
        self._zone = zone_named(rotation.time_zone) or ZoneInfo("UTC")
        field = self.fields["person"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        namespaces = frozenset({rotation.namespace}) if rotation.namespace else frozenset[str]()
        field.queryset = candidates(Reach(False, namespaces))

    def full_clean(self) -> None:
        with timezone.override(self._zone):
            super().full_clean()

    def clean(self) -> None:
        begins: datetime | None = self.cleaned_data.get("begins")
        ends: datetime | None = self.cleaned_data.get("ends")
        if begins is None or ends is None:
            return
        if ends <= begins or ends <= timezone.now():
            self.add_error("ends", "Give a time that is later than its beginning, and not over yet.")
        elif ends - begins > LONGEST_OVERRIDE:
            self.add_error("ends", "Give at most 90 days; for longer, change the rotation.")


class StepForm(forms.Form):
    """One step of a ladder; an empty one is left out."""

    rotation = forms.ModelChoiceField(
        OnCallRotation.objects.all(), label="Whoever is on call in", required=False, empty_label="the people below"
    )
    people = forms.MultipleChoiceField(
        label="People",
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 4}),
        help_text="Several with Ctrl, or ⌘. Only without a rotation.",
    )
    wait_minutes = forms.IntegerField(label="Then wait, in minutes", required=False, min_value=1, max_value=7 * 24 * 60)
    wait_percent = forms.IntegerField(label="or in percent of the time left", required=False, min_value=1, max_value=99)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._people = {str(person.pk): person for person in candidates(Reach(True, frozenset()))}
        field = self.fields["people"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(pk, str(person)) for pk, person in self._people.items()]

    def clean(self) -> None:
        found = self.cleaned_data
        if self.errors or not any(found.values()):
            return
        if bool(found["wait_minutes"]) == bool(found["wait_percent"]):
            self.add_error("wait_minutes", "Give minutes or percent, one of the two.")
        elif bool(found["rotation"]) == bool(found["people"]):
            self.add_error("rotation", "Choose a rotation or people, one of the two.")

    @property
    def step(self) -> NewStep | None:
        """The step of a valid form, or None if it is empty."""
        found = self.cleaned_data
        if not found or not (found["rotation"] or found["people"]):
            return None
        people = [self._people[pk] for pk in found["people"]]
        return NewStep(found["rotation"], people, found["wait_minutes"], found["wait_percent"])


Ladder = forms.formset_factory(StepForm, extra=2, max_num=10, validate_max=True, absolute_max=12)
