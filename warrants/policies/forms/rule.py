"""The form of one rule: what an argument of a tool may be, tried on a value as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from warrants.errors import PolicyError
from warrants.policies import changes
from warrants.policies.compiling import allows
from warrants.policies.constraints import INCIDENT_SERVICE
from warrants.policies.describing import DESCRIPTIONS, Description
from warrants.policies.fields import FIELDS, SHAPES, ValueType, fields_of, tried_value, typed, value_of
from warrants.policies.forms.base import LABELS, MAXIMUM_TYPED, EditorForm, given_of, lines, one_line, ticks
from warrants.policies.values import Kind, kind_of_type

# Chosen for a name that is typed: no tool and no argument has it.
OTHER = "+"
_MAXIMUM_OFFERED = 200
_DESCRIPTIONS = {one.name: one for one in DESCRIPTIONS}
_FIRST_KINDS = {Kind.NUMBER: "range", Kind.LIST: "subset", Kind.TRUTH: "cel"}
_TEXT_LABELS = {
    "exact": "Text",
    "pattern": "Pattern",
    "regex": "Regular expression",
    "cidr": "Network",
    "url_pattern": "Address",
    "subpath": "Folder",
    "cel": "Expression over value",
}
_LISTED = "Texts, one a line"
_FILLED = f"{INCIDENT_SERVICE} stands for the incident's service, as a value to try too."
_FIELDS: dict[str, Callable[[str], forms.Field]] = {
    "text": lambda kind: one_line(_TEXT_LABELS[kind], help_text=_FILLED if kind == "exact" else ""),
    "texts": lambda kind: lines("Programs, one a line") if kind == "shlex" else lines(_LISTED, help_text=_FILLED),
    "minimum": lambda _: one_line("At least"),
    "maximum": lambda _: one_line("At most"),
    "schemes": lambda _: ticks("With", [("https", "https"), ("http", "http")]),
    "domains": lambda _: lines("On these domains, one a line", 2, help_text="Empty: on any."),
    "ports": lambda _: lines("At these ports, one a line", 2, help_text="Empty: at any."),
    "rule": lambda _: one_line("Rule, as YAML", help_text='Like {pattern: "prod*"}.'),
    "rules": lambda _: lines("Rules as YAML, one a line", 4, help_text="Like {exact: auto}, two at least."),
}
_VALUE_TYPES = [
    (ValueType.TEXT, "text"),
    (ValueType.NUMBER, "a number"),
    (ValueType.TRUTH, "true or false"),
    (ValueType.LIST, "a list, one text a line"),
]


class RuleForm(EditorForm):
    """``tool``, ``argument`` and ``kind`` are what is chosen; ``type`` is the argument's, as a worker says it, or "".

    ``is_forgotten``: a worker's tool has the argument, and the policy says nothing of it.
    """

    prefix = "rule"

    def fill(self) -> None:
        own = self.tools()
        known = [name for name in sorted(self.known) if name not in own][:_MAXIMUM_OFFERED]
        self.tool = self._named("tool", "Tool", {"In this policy": list(own), "Workers have it": known})
        written, types = own.get(self.tool, {}), self.known.get(self.tool, {})
        forgotten = [name for name in types if name not in written]
        groups = {"Forgotten by the policy": forgotten, "In this policy": list(written)}
        self.argument = self._named("argument", "Argument", groups if forgotten else {"": list(written)})
        self.is_forgotten, self.type = self.argument in forgotten, types.get(self.argument, "")
        self._choose_kind(*fields_of(written.get(self.argument, "")))
        self.fields["value"] = lines("Try a value", 1)
        self.fields["value_type"] = forms.ChoiceField(label="It is", choices=_VALUE_TYPES, required=False)
        self.initial.update({"value": self.posted_value("value"), "value_type": self._value_type()})

    def change(self) -> str:
        changes.require_rule_place(self.tool, self.argument)
        return changes.set_rule(self.text, self.tool, self.argument, value_of(self.kind, self.cleaned_data))

    def stays(self) -> QueryDict:
        return given_of(**{"rule-tool": self.tool, "rule-argument": self.argument})

    def field_at(self, path: str) -> str | None:
        if path in ("tool", "argument"):
            return f"new_{path}" if f"new_{path}" in self.fields else path
        bounds = {"min": "minimum", "max": "maximum"}
        found = super().field_at(bounds.get(path.rpartition(".")[2], path.partition(f".{self.kind}")[2] or path))
        return found if found in FIELDS[self.shape] else next(iter(FIELDS[self.shape]), None)

    @property
    def shape(self) -> Any:
        return SHAPES[self.kind]

    @property
    def description(self) -> Description:
        return _DESCRIPTIONS[self.kind]

    @property
    def explained(self) -> list[tuple[str, bool]]:
        """Return the explanation in parts, each with whether it is code."""
        return [(text, index % 2 == 1) for index, text in enumerate(self.description.explanation.split("`"))]

    @property
    def allowed(self) -> list[str]:
        return [typed(value) for value in self.description.allowed]

    @property
    def refused(self) -> list[str]:
        return [typed(value) for value in self.description.refused]

    def kind_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in FIELDS[self.shape]]

    def answer(self) -> dict[str, Any]:
        """Return what Tenuo says of the value that is tried, by the rule that is shown: see ``answer_to``."""
        fields = {name: self.initial[name] for name in FIELDS[self.shape]}
        return answer_to(self.kind, fields, self._value_type(), self.posted_value("value"))

    def _named(self, name: str, label: str, groups: Mapping[str, list[str]]) -> str:
        """Add the fields for a name, which is chosen or typed; return it."""
        choices: list[Any] = [
            (group, [(one, one) for one in names]) for group, names in groups.items() if group and names
        ]
        choices += [(one, one) for one in groups.get("", [])]
        offered = [one for names in groups.values() for one in names]
        self.fields[name] = forms.ChoiceField(label=label, choices=[*choices, (OTHER, "Another one…")])
        self.initial[name] = chosen = self.chosen(name, [*offered, OTHER])
        if chosen != OTHER:
            return chosen
        self.fields[f"new_{name}"] = one_line(f"Its name ({label.lower()})")
        self.initial[f"new_{name}"] = self.posted(f"new_{name}")
        return self.posted(f"new_{name}")

    def _choose_kind(self, written: str, fields: Mapping[str, Any]) -> None:
        """Take the kind that is chosen, or that the text has if another argument was chosen just now."""
        was = (self.posted("of_tool"), self.posted("of_argument"))
        is_same = was == (self.initial["tool"], self.initial["argument"])
        chosen = self.posted("kind") if is_same and self.posted("kind") in SHAPES else ""
        first = _FIRST_KINDS.get(kind_of_type(self.type) or Kind.TEXT, "one_of")
        self.kind = chosen or written or first
        self.fields["kind"] = forms.ChoiceField(label="What it may be", choices=list(LABELS.items()))
        self.initial["kind"] = self.kind
        for name in FIELDS[self.shape]:
            self.fields[name] = _FIELDS[name](self.kind)
            is_typed = chosen and (self.was_posted(name) or self.posted("of_kind") == chosen)
            self.initial[name] = self.posted_value(name) if is_typed else fields.get(name, _at_first(name))

    def _value_type(self) -> str:
        types = [value_type.value for value_type in ValueType]
        if self.posted("value_type") in types and self.posted("of_kind") == self.kind:
            return self.posted("value_type")
        return {"range": ValueType.NUMBER, "contains": ValueType.LIST, "subset": ValueType.LIST}.get(
            self.kind, ValueType.TEXT
        )


def answer_to(kind: str, fields: Mapping[str, Any], value_type: str, text: str) -> dict[str, Any]:
    """Return what Tenuo says of a value that is typed: ``is_allowed`` and ``value``; or ``problem``; or nothing."""
    if not text:
        return {}
    try:
        rule = changes.rule_of(value_of(kind, fields))
        value = tried_value(value_type, text[:MAXIMUM_TYPED].replace("\r\n", "\n"))
    except PolicyError as error:
        return {"problem": error.sentence}
    return {"is_allowed": allows(rule, value), "value": typed(value)}


def posted_answer(given: QueryDict) -> dict[str, Any]:
    """Return ``answer_to`` what was posted with the form of a rule."""
    kind = given.get("rule-kind", "")
    names = FIELDS[SHAPES[kind]] if kind in SHAPES else ()
    fields = {name: given.getlist("rule-schemes") if name == "schemes" else given.get(f"rule-{name}") for name in names}
    return answer_to(kind, fields, given.get("rule-value_type", ""), given.get("rule-value", ""))


def _at_first(name: str) -> Any:
    return ["https"] if name == "schemes" else ""
