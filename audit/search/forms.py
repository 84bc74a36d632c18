"""The form of a search, as an address: every field is a parameter of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from audit.search.contracts import MAXIMUM_TEXT, Search
from audit.search.errors import MalformedSearch
from audit.statements.kinds import EntryKind as Kind

_DECIDED = f"{Kind.APPROVAL_DENIED},{Kind.APPROVAL_GRANTED}"
_CALLED = f"{Kind.CALL_ALLOWED},{Kind.CALL_DENIED},{Kind.CALL_GATED}"
Choices = list[tuple[str, Any]]
_KINDS: Choices = [
    ("", "Anything"),
    (
        "Decisions of people",
        [
            (_DECIDED, "Approved or denied"),
            (Kind.APPROVAL_GRANTED.value, "Approved"),
            (Kind.APPROVAL_DENIED.value, "Denied"),
            (Kind.APPROVAL_RETRACTED.value, "Taken back"),
        ],
    ),
    (
        "Requests",
        [
            (Kind.APPROVAL_REQUESTED.value, "Asked for approval"),
            (Kind.APPROVAL_EXPIRED.value, "Expired"),
            (Kind.APPROVAL_WITHDRAWN.value, "Withdrawn"),
            (Kind.APPROVAL_SUPERSEDED.value, "Asked again"),
        ],
    ),
    (
        "Calls",
        [
            (_CALLED, "Any call"),
            (Kind.CALL_ALLOWED.value, "Allowed"),
            (Kind.CALL_DENIED.value, "Denied"),
            (Kind.CALL_GATED.value, "Stopped at a gate"),
            (Kind.CALL_RESULT.value, "Result"),
        ],
    ),
    (
        "Incidents",
        [
            (Kind.WARRANT_MINTED.value, "Warrant minted"),
            (Kind.WARRANT_ATTENUATED.value, "Warrant narrowed"),
            (Kind.WARRANT_REVOKED.value, "Warrant revoked"),
            (Kind.RUN_COMPLETED.value, "Run ended"),
        ],
    ),
]
# What the service's own chains hold: only for those who may read them.
_RECORDS = (
    "Keys, people and payloads",
    [
        (kind.value, kind.replace(".", " ").replace("_", " ").capitalize())
        for kind in Kind
        if kind.split(".")[0]
        in ("key", "people_root", "role", "person", "passkey", "payload", "ring", "history", "evidence", "retention")
    ],
)


class SearchForm(forms.Form):
    """A valid one has ``search``. What cannot be asked is said at its field."""

    text = forms.CharField(label="Words of a reason or title", required=False)
    person = forms.CharField(label="Person", required=False, help_text="As entries name them, such as local:ada.")
    kind = forms.ChoiceField(label="What happened", required=False)
    tool = forms.CharField(label="Tool", required=False)
    agent = forms.CharField(label="Agent", required=False)
    incident = forms.CharField(label="Incident", required=False, help_text="Its label, or its root warrant.")
    argument = forms.CharField(label="Argument", required=False)
    value = forms.CharField(label="Value", required=False, help_text="Words of it; the whole of it in “double quotes”.")
    workflow = forms.CharField(label="Workflow", required=False)
    key = forms.CharField(label="Key", required=False, help_text="Its first 8 digits or more.")
    namespace = forms.ChoiceField(label="Namespace", required=False)

    def __init__(self, data: Any, *, namespaces: Iterable[str], records: bool, content: bool) -> None:
        # The kinds in the order that the choices have.
        kinds = ",".join(sorted(str(data.get("kind", "")).split(",")))
        super().__init__({**data, "kind": kinds}, auto_id="search-%s")
        self.search = Search()
        # Names that Python has taken.
        for name, label in (("from", "From"), ("to", "To, this day included")):
            self.fields[name] = forms.CharField(label=label, required=False)
        for field in self.fields.values():
            if isinstance(field, forms.CharField):
                field.widget.attrs.update({"autocomplete": "off", "maxlength": MAXIMUM_TEXT})
        for name in ("from", "to"):
            self.fields[name].widget.attrs["placeholder"] = "2026-11-26"
        self._choose("kind", [*_KINDS, _RECORDS] if records else list(_KINDS))
        self._choose("namespace", [("", "All you may see"), *((name, name) for name in namespaces)])
        if not content:
            del self.fields["argument"], self.fields["value"]

    def _choose(self, name: str, choices: Choices) -> None:
        """Offer ``choices``, and what the address asks for if it is none of them."""
        given = str(self.data.get(name, ""))
        flat = {value for value, label in choices if isinstance(label, str)}
        flat |= {value for _, group in choices if isinstance(group, list) for value, _ in group}
        if given not in flat:
            choices = [*choices, (given, given)]
        self.fields[name] = forms.ChoiceField(
            label=self.fields[name].label,
            required=False,
            choices=choices,
            widget=forms.Select(attrs={"class": "input"}),
        )

    def clean(self) -> dict[str, Any]:
        try:
            self.search = Search.from_parameters({name: str(self.data.get(name, "")) for name in self.data})
        except MalformedSearch as error:
            self.add_error(error.field if error.field in self.fields else None, error.sentence)
        return self.cleaned_data
