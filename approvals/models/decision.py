"""What one person signed about one request."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from approvals.contracts import DecisionKind
from approvals.models.request import ApprovalRequest
from audit.models.sealed import SealedBytes, SealedText

_OF_ITS_ROW: dict[str, Any] = {
    "namespace": "approval_request.namespace",
    "row": ("approval_request_id", "public_key", "nonce"),
}


class Decision(models.Model):
    """A signed approval or denial, kept as the bytes the person's browser made.

    Sealed: a reason may quote the call, and a denial may propose other arguments.
    """

    approval_request = models.ForeignKey(ApprovalRequest, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value) for kind in DecisionKind])
    # Who decided stays readable when the account is gone.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    external_id = models.CharField(max_length=320)
    display_name = models.CharField(max_length=200)
    public_key = models.BinaryField(max_length=32)
    nonce = models.BinaryField(max_length=16)
    signed = SealedBytes(**_OF_ITS_ROW)
    # Canonical CBOR list of the endorsements that led to the key when it signed; workers verify them.
    endorsements = models.BinaryField(default=b"\x80")
    reason = SealedText(blank=True, **_OF_ITS_ROW)
    decided_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)  # of an approval's signature
    # The signature ran out, its key was revoked, or its person took it back, before others had signed too: they may
    # decide again.
    lapsed = models.BooleanField(default=False)
    # How and when the person showed, for this request, that it was them; empty where the policy does not ask.
    step_up_method = models.CharField(max_length=16, blank=True)
    stepped_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="decision_kind_known", condition=Q(kind__in=[kind.value for kind in DecisionKind])
            ),
            models.CheckConstraint(name="decision_key_is_32_bytes", condition=Exact(Length("public_key"), 32)),
            models.CheckConstraint(
                name="denial_has_a_reason", condition=~Q(Exact(Length("reason"), 0), kind=DecisionKind.DENY.value)
            ),
            # Four eyes are people: two keys of one person are one.
            models.UniqueConstraint(
                fields=["approval_request", "external_id"],
                name="one_decision_per_person",
                condition=Q(lapsed=False),
            ),
            models.CheckConstraint(
                name="approval_runs_out",
                condition=Q(kind=DecisionKind.DENY.value, expires_at__isnull=True, lapsed=False)
                | Q(kind=DecisionKind.APPROVE.value, expires_at__isnull=False),
            ),
            models.CheckConstraint(
                name="step_up_has_method_and_time",
                condition=Q(step_up_method="", stepped_up_at=None)
                | (~Q(step_up_method="") & Q(stepped_up_at__isnull=False)),
            ),
            models.UniqueConstraint(fields=["public_key", "nonce"], name="decision_nonce_once"),
        ]
        indexes = [models.Index(fields=["-decided_at"], name="decision_when")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.approval_request_id} by {self.external_id}"

    @property
    def key_short(self) -> str:
        """The first 8 digits of the key's fingerprint, for people."""
        return hashlib.sha256(self.public_key).hexdigest()[:8]
