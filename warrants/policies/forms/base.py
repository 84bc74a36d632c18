"""What the editor's forms share: each is filled from the text, and asks for one change of it.

Nothing here is saved: a form that is valid has ``changed``, the whole text with that change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from warrants.errors import PolicyError
from warrants.policies.changes import UnsafeGate
from warrants.policies.describing import DESCRIPTIONS
from warrants.policies.editing import values_of

# Tools that workers have, by name, with the types of their arguments by name.
KnownTools = Mapping[str, Mapping[str, str]]

LABELS = {one.name: f"{one.label} ({one.name})" for one in DESCRIPTIONS}
MAXIMUM_TYPED = 4_000
_AS_TYPED = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class EditorForm(forms.Form):
    """A form of the editor on ``text``. ``given`` is what was posted, ``wanted`` whether the text shall be changed.

    ``problem`` says why there is nothing to fill in: the text cannot be read, or lacks what the form is about.
    ``fix`` is the text with the safe form of a gate that was refused, or None.
    """

    def __init__(self, text: str, known: KnownTools, given: QueryDict | None = None, *, wanted: bool = False) -> None:
        super().__init__(given if wanted else None, auto_id="%s")
        self.text, self.known, self.given = text, known, given or QueryDict()
        self.changed, self.problem = "", ""
        self.fix: str | None = None
        self.policy: dict[str, Any] = {}
        try:
            self.policy = values_of(text)
        except PolicyError as error:
            self.problem = f"The text must be readable first. {error}"
            return
        self.fill()

    def fill(self) -> None:
        """Make the fields, with what the text says or what was typed."""
        raise NotImplementedError

    def change(self) -> str:
        """Return the text with the change that is asked for. Raises ``PolicyError``."""
        raise NotImplementedError

    def stays(self) -> QueryDict:
        """Return what is chosen still when the change is made."""
        raise NotImplementedError

    def kept(self) -> list[tuple[str, str]]:
        """Return what was typed, for a form that waits: it is there again when the text is."""
        names = [name for name in self.given if name.startswith(f"{self.prefix}-")]
        return [(name, value) for name in names for value in dict.fromkeys(self.given.getlist(name))]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.problem:
            self.add_error(None, self.problem)
        elif not self.errors:
            self._try(cleaned)
        return cleaned

    def field_at(self, path: str) -> str | None:
        """Return the field that a refusal is about: the last name of its path that is one."""
        names = path.replace("[", ".").split(".")
        return next((name for name in reversed(names) if name in self.fields), None)

    def posted(self, name: str) -> str:
        return str(self.given.get(f"{self.prefix}-{name}") or "").strip()

    def was_posted(self, name: str) -> bool:
        return f"{self.prefix}-{name}" in self.given

    def posted_value(self, name: str) -> Any:
        """Return what was posted for a field: a list where several may be ticked, else text."""
        key = f"{self.prefix}-{name}"
        if isinstance(self.fields[name], forms.MultipleChoiceField):
            return self.given.getlist(key)
        return str(self.given.get(key) or "").replace("\r\n", "\n")

    def tools(self) -> dict[str, dict[str, Any]]:
        """Return the arguments of the policy's tools, as they are written."""
        tools = self.policy.get("tools")
        found: dict[str, dict[str, Any]] = {}
        for name, tool in tools.items() if isinstance(tools, dict) else ():
            arguments = tool.get("arguments") if isinstance(tool, dict) else None
            found[name] = arguments if isinstance(arguments, dict) else {}
        return found

    def chosen(self, name: str, offered: Iterable[str]) -> str:
        """Return what is chosen of ``offered``; at first, and if that is gone, the first of them."""
        offered = list(offered)
        return self.posted(name) if self.posted(name) in offered else offered[0]

    def _try(self, cleaned: dict[str, Any]) -> None:
        self.cleaned_data = cleaned
        try:
            self.changed = self.change()
        except PolicyError as error:
            self.fix = error.fix if isinstance(error, UnsafeGate) else None
            self.add_error(self.field_at(error.path), error.sentence)


def one_line(label: str, **options: Any) -> forms.CharField:
    """Return a field for something that is taken as it is typed."""
    return forms.CharField(
        label=label, required=False, max_length=MAXIMUM_TYPED, widget=forms.TextInput(attrs=_AS_TYPED), **options
    )


def lines(label: str, rows: int = 3, **options: Any) -> forms.CharField:
    """Return a field for several things, each on a line of its own."""
    widget = forms.Textarea(attrs={**_AS_TYPED, "rows": rows})
    return forms.CharField(label=label, required=False, max_length=MAXIMUM_TYPED, widget=widget, **options)


def ticks(label: str, choices: Iterable[tuple[str, str]]) -> forms.MultipleChoiceField:
    """Return a field for some of a few things."""
    return forms.MultipleChoiceField(
        label=label, choices=list(choices), required=False, widget=forms.CheckboxSelectMultiple
    )


def given_of(**values: str) -> QueryDict:
    """Return ``values`` as if they had been posted."""
    given = QueryDict(mutable=True)
    given.update(values)
    return given
