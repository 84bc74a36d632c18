"""Warrants that were minted here."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from warrants.models.agent import AgentIdentity
from warrants.models.issuer import IssuerKey


class Warrant(models.Model):
    """A root warrant, minted for one agent and one incident under one version of a policy.

    ``id`` is Tenuo's (``tnu_wrt_`` and 32 hexadecimal digits), ``data`` the signed warrant, ``policy_digest`` the
    SHA-256 of the policy file.
    """

    id = models.CharField(max_length=64, primary_key=True)
    data = models.BinaryField()
    issuer = models.ForeignKey(IssuerKey, on_delete=models.PROTECT, related_name="warrants")
    agent = models.ForeignKey(AgentIdentity, on_delete=models.PROTECT, related_name="warrants")
    policy_name = models.CharField(max_length=64)
    policy_version = models.PositiveIntegerField()
    policy_digest = models.BinaryField(max_length=32)
    # From the policy as it was at the minting: how old an approver's second factor may be. None: not asked for.
    step_up_seconds = models.PositiveIntegerField(null=True, blank=True)
    # Likewise: time to read, approvals of one person in an hour, and {tool: argument} whose value has to be typed.
    reading_seconds = models.PositiveIntegerField(null=True, blank=True)
    approvals_per_hour = models.PositiveIntegerField(null=True, blank=True)
    confirmed_arguments = models.JSONField(default=dict, blank=True)
    incident_id = models.CharField(max_length=200, db_index=True)
    severity = models.CharField(max_length=32)
    service = models.CharField(max_length=200)
    namespace = models.CharField(max_length=200)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-issued_at", "id"]
        constraints = [
            models.CheckConstraint(name="warrant_expires_after_issue", condition=Q(expires_at__gt=F("issued_at"))),
        ]

    def __str__(self) -> str:
        return self.id
