"""Warrants taken back, and the signed lists that tell workers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from warrants.models.issuer import IssuerKey
from warrants.models.warrant import Warrant


class RevocationList(models.Model):
    """A list as the issuer signed it. A version is made once and only ever followed by a higher one."""

    version = models.PositiveBigIntegerField(primary_key=True)
    issuer = models.ForeignKey(IssuerKey, on_delete=models.PROTECT, related_name="revocation_lists")
    data = models.BinaryField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ["version"]
        constraints = [models.CheckConstraint(name="revocation_list_version_from_one", condition=Q(version__gte=1))]

    def __str__(self) -> str:
        return f"version {self.version}"


class Revocation(models.Model):
    """A warrant taken back for good: by whom, why, and the first list that says so."""

    warrant = models.OneToOneField(Warrant, on_delete=models.PROTECT, related_name="revocation")
    reason = models.CharField(max_length=500)
    revoked_by = models.CharField(max_length=300)
    revoked_at = models.DateTimeField()
    first_list = models.ForeignKey(RevocationList, on_delete=models.PROTECT, related_name="revocations")

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(name="revocation_has_a_reason", condition=~Q(reason=""))]

    def __str__(self) -> str:
        return f"{self.warrant_id} by {self.revoked_by}"


class KeyRevocationList(models.Model):
    """The revoked keys of people, as the issuer signed them for workers. A number is used once."""

    number = models.PositiveBigIntegerField(primary_key=True)
    issuer = models.ForeignKey(IssuerKey, on_delete=models.PROTECT, related_name="key_revocation_lists")
    envelope = models.BinaryField()
    revoked_keys = models.PositiveIntegerField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        constraints = [models.CheckConstraint(name="key_revocation_list_from_one", condition=Q(number__gte=1))]

    def __str__(self) -> str:
        return f"number {self.number}"
