"""The form of one tool's gate: which of its calls stop for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from warrants.errors import PolicyError
from warrants.policies import changes
from warrants.policies.changes import NOTHING, WantedGate
from warrants.policies.constraints import Constraint, OneOf, Range
from warrants.policies.fields import FIELDS, SHAPES, fields_of, value_of
from warrants.policies.forms.base import LABELS, EditorForm, given_of, lines, one_line, ticks
from warrants.policies.gates import MAXIMUM_MESSAGE, Form
from warrants.policies.wording import in_words

_FORMS = [
    (NOTHING, "None: every call runs"),
    (Form.ALWAYS.value, "Every call"),
    (Form.UNLESS.value, "Every call, unless… (the safe form)"),
    (Form.WHEN.value, "Only if…"),
]
_CONDITION_FIELDS = ("texts", "minimum", "maximum", "text")


class GateForm(EditorForm):
    """``chosen_form`` is one of ``Form`` or ``NOTHING``; ``arguments`` are the tool's, with what each may be."""

    prefix = "gate"
    tool = ""
    chosen_form: str = NOTHING
    arguments: Mapping[str, Constraint] = {}

    def fill(self) -> None:
        tools = list(self.tools())
        if not tools:
            self.problem = "Give the policy a tool first, by setting a rule."
            return
        self.tool = self.initial["tool"] = self.chosen("tool", tools)
        self.fields["tool"] = forms.ChoiceField(label="Tool", choices=[(name, name) for name in tools])
        try:
            self.arguments = changes.arguments_of(self.text, self.tool)
        except PolicyError as error:
            self.problem = f"The tool's arguments come first. {error}"
            return
        self._fill_gate()

    def change(self) -> str:
        wanted = WantedGate(
            form=self.chosen_form,
            message=self.cleaned_data.get("message", ""),
            confirm=self.cleaned_data.get("confirm", ""),
            conditions={name: rule for name in self._conditioned() if (rule := self._condition(name)) is not None},
        )
        return changes.set_gate(self.text, self.tool, wanted)

    def stays(self) -> QueryDict:
        return given_of(**{"gate-tool": self.tool})

    def field_at(self, path: str) -> str | None:
        names = path.replace("[", ".").split(".")
        of_arguments = [name for name in self.fields if name.rpartition("-")[0] in names and not name.endswith("-kind")]
        return next(iter(of_arguments), None) or super().field_at(path)

    def conditions(self) -> list[dict[str, Any]]:
        """Return the arguments whose values count: their names, what each may be, and its fields."""
        return [
            {
                "name": name,
                "words": in_words(self.arguments[name]),
                "fields": [self[field] for field in self.fields if field.rpartition("-")[0] == name],
            }
            for name in self._conditioned()
        ]

    def _conditioned(self) -> list[str]:
        """Return the arguments that have values which a gate may name, if this form names any."""
        named = [name for name, own in self.arguments.items() if changes.has_values(own)]
        return named if self.chosen_form in (Form.UNLESS, Form.WHEN) else []

    def _fill_gate(self) -> None:
        written = self.policy["tools"][self.tool].get("gate")
        gate = written if isinstance(written, dict) else {}
        written_form = next((form for form in Form if form in gate), None)
        is_same = self.posted("of_tool") == self.tool
        self.chosen_form = self._choose_form(is_same, written_form)
        if self.chosen_form == NOTHING:
            return
        conditions = gate.get(self.chosen_form)
        for name in self._conditioned():
            self._add_condition(name, conditions.get(name) if isinstance(conditions, dict) else None)
        self._add_words(gate)
        if is_same:
            self._take_over(is_written=self.chosen_form == written_form)

    def _choose_form(self, is_same: bool, written: str | None) -> str:
        posted = self.posted("form") if is_same else ""
        form = posted if posted in (*Form, NOTHING) else (written or NOTHING)
        self.fields["form"] = forms.ChoiceField(label="Which calls stop", choices=_FORMS, widget=forms.RadioSelect)
        self.initial["form"] = form
        return form

    def _add_words(self, gate: dict[str, Any]) -> None:
        self.fields["message"] = forms.CharField(
            label="What people read",
            max_length=MAXIMUM_MESSAGE,
            help_text="A sentence that says why a person is asked.",
            error_messages={"required": "Say why a person is asked."},
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        listed = [name for name, rule in self.arguments.items() if isinstance(rule, OneOf)]
        self.fields["confirm"] = forms.ChoiceField(
            label="To approve, they type",
            choices=[("", "nothing"), *((name, f"the value of {name}") for name in listed)],
            required=False,
        )
        self.initial.update({"message": gate.get("message", ""), "confirm": gate.get("confirm", "")})

    def _take_over(self, *, is_written: bool) -> None:
        """Keep what was typed and ticked; of a form chosen just now, the values are the text's, if it has them."""
        is_same_form = self.posted("of_form") == self.chosen_form
        for name in self.fields:
            if is_same_form or (self.was_posted(name) and not is_written):
                self.initial[name] = self.posted_value(name)
        if not is_same_form and self.was_posted("message"):
            self.initial.update({"message": self.posted("message"), "confirm": self.posted("confirm")})

    def _add_condition(self, name: str, written: Any) -> None:
        own = self.arguments[name]
        kinds, texts = changes.offered_kinds(self.chosen_form, own), changes.offered_texts(own)
        kind, fields = fields_of(written) if written is not None else ("", {})
        if kind == "exact":
            kind, fields = "one_of", {"texts": fields["text"]}
        if len(kinds) > 1:
            self.fields[f"{name}-kind"] = forms.ChoiceField(
                label="Rule", choices=[(one, LABELS[one]) for one in kinds], required=False
            )
            self.initial[f"{name}-kind"] = kind or kinds[0]
        for field in _CONDITION_FIELDS:
            if any(field in FIELDS[SHAPES[one]] for one in kinds):
                self.fields[f"{name}-{field}"] = _condition_field(field, texts, is_one_of_several=len(kinds) > 1)
                value = fields.get(field, "")
                self.initial[f"{name}-{field}"] = value.split("\n") if field == "texts" and texts else value

    def _condition(self, name: str) -> Any:
        """Return the rule that was given for an argument, or None if its values do not count."""
        kinds = changes.offered_kinds(self.chosen_form, self.arguments[name])
        kind = self.cleaned_data.get(f"{name}-kind") or kinds[0]
        given = {field: self.cleaned_data.get(f"{name}-{field}") or "" for field in FIELDS[SHAPES[kind]]}
        given = {field: "\n".join(value) if isinstance(value, list) else value for field, value in given.items()}
        if not any(given.values()):
            return None
        return value_of(kind, given | _own_bounds(self.arguments[name], given))


def _own_bounds(own: Constraint, given: dict[str, str]) -> dict[str, str]:
    """Return the bounds of a range that were left out: those of the argument itself."""
    if not isinstance(own, Range):
        return {}
    bounds = {"minimum": own.minimum, "maximum": own.maximum}
    return {name: str(bound) for name, bound in bounds.items() if not given[name] and bound is not None}


def _condition_field(field: str, texts: tuple[str, ...], *, is_one_of_several: bool) -> forms.Field:
    if field == "texts":
        return ticks("Values", [(text, text) for text in texts]) if texts else lines("Texts, one a line", 2)
    label = {"minimum": "At least", "maximum": "At most", "text": "Network"}[field]
    return one_line(f"{label} (for a range)" if is_one_of_several else label)
