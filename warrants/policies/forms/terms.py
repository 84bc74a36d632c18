"""The form of what holds for all tools: lifetimes, people, and how slowly they approve."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from accounts.keys.contracts import KeyStrength
from warrants.errors import PolicyError
from warrants.policies import changes
from warrants.policies.fields import lines_of
from warrants.policies.forms.base import EditorForm, lines, one_line
from warrants.policies.rules import (
    LONGEST_APPROVAL,
    LONGEST_READING,
    LONGEST_STEP_UP,
    MAXIMUM_APPROVALS,
    MAXIMUM_ENDORSERS,
    MAXIMUM_SUB_AGENTS,
    MOST_PER_HOUR,
    SHORTEST_APPROVAL,
    SHORTEST_STEP_UP,
    is_argument_name,
)

_STRENGTHS = [
    ("", "any (no line)"),
    (KeyStrength.ORDINARY.value, "any (ordinary)"),
    (KeyStrength.STRONG.value, "strong ones only"),
]
_NO_LIMIT = "Empty: no such limit."
# Label and help of what is listed, one a line.
_LISTS = {
    "approvers": (
        "Only these people may approve, one a line",
        "External ids like local:ada, or e-mail addresses. Empty: any.",
    ),
    "agents": ("Only these agents may hold a warrant, one a line", "Empty: any."),
}
# Label, least and most of what may be given, and what an empty field means.
_NUMBERS: dict[str, tuple[str, int, int, str]] = {
    "min_approvals": ("People who must approve", 1, MAXIMUM_APPROVALS, ""),
    "endorsers": ("People who endorsed each key", 1, MAXIMUM_ENDORSERS, "Empty: one."),
    "reading_seconds": ("Seconds to read before approving", 1, LONGEST_READING, _NO_LIMIT),
    "approvals_per_hour": ("Approvals of one person in an hour", 1, MOST_PER_HOUR, _NO_LIMIT),
    "step_up_seconds": (
        "Seconds that a second factor counts",
        SHORTEST_STEP_UP,
        LONGEST_STEP_UP,
        "Empty: none is asked.",
    ),
    "approval_seconds": ("Seconds that an approval lives", SHORTEST_APPROVAL, LONGEST_APPROVAL, _NO_LIMIT),
    "sub_agents": ("How often a warrant may be handed on", 0, MAXIMUM_SUB_AGENTS, _NO_LIMIT),
}


class TermsForm(EditorForm):
    """``severities`` are those that the text gives a lifetime."""

    prefix = "terms"

    def fill(self) -> None:
        lifetimes = self.policy.get("lifetimes")
        found = lifetimes if isinstance(lifetimes, dict) else {}
        self.severities = [name for name in found if is_argument_name(name)]
        for severity in self.severities:
            self.fields[f"lifetime-{severity}"] = one_line(severity)
            self.initial[f"lifetime-{severity}"] = found[severity]
        self.fields["new_severity"] = one_line("Another severity")
        self.fields["new_lifetime"] = one_line("Its lifetime", help_text="Like 30 min: from 1 min to 24 h.")
        for name, (label, least, most, help_text) in _NUMBERS.items():
            said = dict.fromkeys(
                ("required", "invalid", "min_value", "max_value"), f"A whole number from {least} to {most}."
            )
            self.fields[name] = forms.IntegerField(
                label=label,
                min_value=least,
                max_value=most,
                required=name == "min_approvals",
                help_text=help_text,
                error_messages=said,
            )
        for name, (label, help_text) in _LISTS.items():
            self.fields[name] = lines(label, 2, help_text=help_text)
            listed = self.policy.get(name)
            self.initial[name] = "\n".join(map(str, listed)) if isinstance(listed, list) else ""
        self.fields["approver_key_strength"] = forms.ChoiceField(
            label="Keys that may sign", choices=_STRENGTHS, required=False
        )
        self.fields["one_denial_ends"] = forms.BooleanField(label="One denial ends a request", required=False)
        self.initial.update({name: self.policy.get(name) for name in (*_NUMBERS, "approver_key_strength")})
        self.initial["one_denial_ends"] = self.policy.get("one_denial_ends") is True
        if self.given:
            self._take_over()

    def change(self) -> str:
        cleaned = self.cleaned_data
        lifetimes = {severity: cleaned[f"lifetime-{severity}"] for severity in self.severities}
        severity, lives = cleaned["new_severity"], cleaned["new_lifetime"]
        if severity or lives:
            if not is_argument_name(severity) or severity in self.severities:
                raise PolicyError("new_severity", "Name a new severity with lower-case letters, digits and _.")
            if not lives:
                raise PolicyError("new_lifetime", "Say how long a warrant lives, like 30 min.")
            lifetimes[severity] = lives
        return changes.set_terms(self.text, self._terms(), lifetimes)

    def stays(self) -> QueryDict:
        return QueryDict()

    def lifetimes(self) -> list[forms.BoundField]:
        return [self[f"lifetime-{severity}"] for severity in self.severities]

    def lists(self) -> list[forms.BoundField]:
        return [self[name] for name in _LISTS]

    def numbers(self) -> list[forms.BoundField]:
        return [self[name] for name in _NUMBERS]

    def field_at(self, path: str) -> str | None:
        outer, _, severity = path.partition(".")
        if outer != "lifetimes":
            return super().field_at(path)
        return f"lifetime-{severity}" if severity in self.severities else "new_lifetime"

    def _terms(self) -> dict[str, Any]:
        terms: dict[str, Any] = {name: self.cleaned_data[name] for name in _NUMBERS}
        terms["approver_key_strength"] = self.cleaned_data["approver_key_strength"] or None
        terms |= {name: lines_of(self.cleaned_data[name]) or None for name in _LISTS}
        ends = self.cleaned_data["one_denial_ends"]
        # Not ending is how it is without the line: one that says so may stay.
        terms["one_denial_ends"] = ends if ends or "one_denial_ends" in self.policy else None
        return terms

    def _take_over(self) -> None:
        """Keep what was typed."""
        for name in self.fields:
            if self.was_posted(name):
                self.initial[name] = self.posted_value(name)
        self.initial["one_denial_ends"] = self.was_posted("one_denial_ends")
