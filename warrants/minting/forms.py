"""What a person fills in to mint a warrant."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings

from warrants.agents.contracts import INCIDENT_AGENT
from warrants.errors import WarrantError
from warrants.minting.contracts import Order, SignedBy
from warrants.models import AgentIdentity
from warrants.policies.queries import load, names

_SIGNERS = {
    SignedBy.INSTALLATION: "this installation",
    SignedBy.OWN_KEY: "my own key in this browser",
}
_ABOUT_THE_ORDER = ("idempotency_key", "signed_by", "signer_key")


class MintForm(forms.Form):
    """``idempotency_key`` is made with the page, so that sending it twice mints once."""

    policy = forms.ChoiceField(label="Policy")
    severity = forms.ChoiceField(label="Severity", help_text="It decides how long the warrant lives.")
    incident_id = forms.CharField(
        label="Incident", max_length=200, help_text="When its alert comes, the agent uses this."
    )
    title = forms.CharField(label="Title", max_length=300)
    service = forms.CharField(label="Service", max_length=100)
    namespace = forms.ChoiceField(label="Namespace")
    agent = forms.ChoiceField(label="Agent", help_text="Who holds the warrant.")
    signed_by = forms.ChoiceField(label="Signed by")
    signer_key = forms.RegexField(r"\A[0-9a-f]{64}\Z", required=False, widget=forms.HiddenInput)
    idempotency_key = forms.CharField(max_length=200, widget=forms.HiddenInput)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, namespaces: list[str], signers: Sequence[SignedBy]
    ) -> None:
        initial = {
            "idempotency_key": secrets.token_urlsafe(16),
            "namespace": settings.TEMPORAL_NAMESPACE,
            "agent": INCIDENT_AGENT,
        }
        super().__init__(data, initial=initial)
        agents = AgentIdentity.objects.values_list("name", flat=True)
        choices = {"policy": names(), "severity": _severities(), "namespace": namespaces, "agent": agents}
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101
            field.choices = [(value, value) for value in values]
        signed_by = self.fields["signed_by"]
        assert isinstance(signed_by, forms.ChoiceField)  # noqa: S101
        signed_by.choices = [(one.value, _SIGNERS[one]) for one in signers]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("signed_by") == SignedBy.OWN_KEY and not self.cleaned_data.get("signer_key"):
            self.add_error("signed_by", "This browser has no key of yours. Make one on the page Your keys first.")
        return self.cleaned_data

    def order(self) -> Order:
        """Return what a valid form asks for."""
        return Order(**{name: value for name, value in self.cleaned_data.items() if name not in _ABOUT_THE_ORDER})

    @property
    def signer(self) -> bytes | None:
        """The key with which whoever sends a valid form hands the warrant on; None: the installation signs."""
        if self.cleaned_data["signed_by"] == SignedBy.INSTALLATION:
            return None
        return bytes.fromhex(self.cleaned_data["signer_key"])


def _severities() -> list[str]:
    """Return every severity that some policy knows, once each. A policy that does not load has none."""
    found: dict[str, None] = {}
    for name in names():
        try:
            found |= dict.fromkeys(load(name).lifetimes)
        except WarrantError:
            continue
    return list(found)
