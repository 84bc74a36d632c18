"""Warrants taken back, and the signed lists that tell workers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from warrants.models.issuer import IssuerKey
from warrants.models.warrant import Warrant
from warrants.revocation.contracts import STOPPABLE, Scope


class RevocationList(models.Model):
    """A list as the issuer signed it. A version is made once and only ever followed by a higher one.

    ``scope``, ``name`` and ``number`` say what the act was aimed at that it was signed for: ``contracts.Aim``.
    """

    version = models.PositiveBigIntegerField(primary_key=True)
    issuer = models.ForeignKey(IssuerKey, on_delete=models.PROTECT, related_name="revocation_lists")
    data = models.BinaryField()
    signed_at = models.DateTimeField()
    scope = models.CharField(
        max_length=16, choices=[(scope.value, scope.value) for scope in Scope], default=Scope.WARRANT.value
    )
    name = models.CharField(max_length=200, blank=True)
    number = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["version"]
        constraints = [
            models.CheckConstraint(name="revocation_list_version_from_one", condition=Q(version__gte=1)),
            models.CheckConstraint(
                name="revocation_list_scope_known", condition=Q(scope__in=[scope.value for scope in Scope])
            ),
        ]

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


class MintingStop(models.Model):
    """Nothing is minted for the namespace or the agent ``name`` until it is lifted."""

    scope = models.CharField(max_length=16, choices=[(scope.value, scope.value) for scope in STOPPABLE])
    name = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    stopped_by = models.CharField(max_length=300)
    stopped_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=300, blank=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "name"], condition=Q(lifted_at=None), name="one_minting_stop_at_a_time"
            ),
            models.CheckConstraint(
                name="minting_stop_scope_known", condition=Q(scope__in=[scope.value for scope in STOPPABLE])
            ),
            models.CheckConstraint(name="minting_stop_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.name} by {self.stopped_by}"


class ListConfirmation(models.Model):
    """What a worker process holds in a namespace, as it says itself.

    ``version`` is that of the revocation list, ``roots`` the number of the set of trusted roots; 0 for none yet.
    ``confirmed_at`` is when it first said so, ``seen_at`` when it last did.
    """

    worker = models.CharField(max_length=100)
    namespace = models.CharField(max_length=200)
    version = models.PositiveBigIntegerField()
    roots = models.PositiveBigIntegerField(default=0)
    confirmed_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["namespace", "worker"]
        constraints = [
            models.UniqueConstraint(fields=["worker", "namespace"], name="one_confirmation_per_worker_and_namespace")
        ]

    def __str__(self) -> str:
        return f"{self.worker} in {self.namespace}: version {self.version}"


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
