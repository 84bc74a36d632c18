"""What a person fills in to try a call, or to replay what was called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from warrants.errors import MalformedCall
from warrants.policies.rules import Policy
from warrants.simulation.calls import MAXIMUM_CHARACTERS, MAXIMUM_TOOL
from warrants.simulation.replaying import LONGEST_DAYS

_EXAMPLE_SERVICE = "payments"


class CallForm(forms.Form):
    """A call, and the incident that its warrant would be for."""

    tool = forms.CharField(label="Tool", max_length=MAXIMUM_TOOL, widget=forms.Select)
    arguments = forms.CharField(
        label="Its arguments, as JSON",
        max_length=MAXIMUM_CHARACTERS,
        help_text='1, 1.0, true and "1" are four different values.',
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "off"}),
    )
    service = forms.CharField(label="The incident’s service", max_length=100, initial=_EXAMPLE_SERVICE)
    severity = forms.ChoiceField(label="Its severity")
    namespace = forms.ChoiceField(label="Its namespace", help_text="Whose people approve.")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        policy: Policy,
        namespaces: Iterable[str],
        elsewhere: Iterable[str],
        initial: Mapping[str, str] | None = None,
    ) -> None:
        """``elsewhere`` are tools that workers have, and the policy may not name."""
        super().__init__(data, initial=dict(initial or {}), prefix=None)
        others = sorted(set(elsewhere) - set(policy.tools))
        groups = [("In the policy", _pairs(policy.tools)), ("Not in it, though workers have them", _pairs(others))]
        self.fields["tool"].widget.choices = [(label, pairs) for label, pairs in groups if pairs]
        self._choose("severity", policy.lifetimes)
        self._choose("namespace", namespaces)

    def _choose(self, name: str, values: Iterable[str]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = _pairs(values)


class ReplayForm(forms.Form):
    """How far back to look. ``before`` is where to go on from, as the answer before this one said."""

    days = forms.IntegerField(label="Days", min_value=1, max_value=LONGEST_DAYS, initial=14)
    every_policy = forms.BooleanField(label="Calls under other policies too", required=False)
    before = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)


def require_valid(form: forms.Form) -> None:
    """Raise ``MalformedCall`` for the first field of ``form`` that is wrong."""
    for name, errors in form.errors.items():
        label = form.fields[name].label or name
        raise MalformedCall(name, f"{label}: {errors[0]}")


def _pairs(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]
