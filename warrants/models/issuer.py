"""The keys that warrants come from, and which service keys they vouch for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone

from audit.keys.contracts import Purpose
from warrants.issuers.contracts import Keeper, State


class IssuerKey(models.Model):
    """An Ed25519 root key: workers, browsers and auditors trust what it signed.

    Its private half is stored wrapped, or stays with ``keeper``, who knows it as ``kept_as``: the label in the token,
    or the KMS key's ARN. Only ``issuers.rotation`` changes ``state``.
    """

    name = models.CharField(max_length=64, unique=True)
    public_key = models.BinaryField(max_length=32, unique=True)
    keeper = models.CharField(
        max_length=16, choices=[(keeper.value, keeper.value) for keeper in Keeper], default=Keeper.WRAPPED.value
    )
    kept_as = models.CharField(max_length=300, blank=True)
    wrapped_private_key = models.BinaryField(blank=True, default=b"")
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in State])
    state_since = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="issuer_key_state_known", condition=Q(state__in=[state.value for state in State])
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state=State.ACTIVE.value), name="one_active_issuer_key"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state=State.ANNOUNCED.value), name="one_announced_issuer_key"
            ),
            models.CheckConstraint(name="issuer_key_is_32_bytes", condition=Exact(Length("public_key"), 32)),
            models.CheckConstraint(name="issuer_key_has_a_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="issuer_key_keeper_known", condition=Q(keeper__in=[keeper.value for keeper in Keeper])
            ),
            models.CheckConstraint(
                name="issuer_key_is_kept_somewhere", condition=Q(keeper=Keeper.WRAPPED.value) | ~Q(kept_as="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TrustedRoots(models.Model):
    """Which roots workers shall believe from now on, as the active issuer signed it. A number is used once."""

    number = models.PositiveBigIntegerField(primary_key=True)
    issuer = models.ForeignKey(IssuerKey, on_delete=models.PROTECT, related_name="trusted_roots")
    envelope = models.BinaryField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        constraints = [models.CheckConstraint(name="trusted_roots_from_one", condition=Q(number__gte=1))]

    def __str__(self) -> str:
        return f"number {self.number}"


class Endorsement(models.Model):
    """An issuer's signed word that ``key`` is the service's key for ``role``. ``envelope`` is the evidence."""

    issuer = models.ForeignKey(IssuerKey, on_delete=models.PROTECT, related_name="endorsements")
    role = models.CharField(max_length=32, choices=[(purpose.value, purpose.value) for purpose in Purpose])
    key = models.BinaryField(max_length=32)
    envelope = models.BinaryField()
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "role", "key"], name="one_endorsement_per_role_and_key"),
            models.CheckConstraint(
                name="endorsed_role_known", condition=Q(role__in=[purpose.value for purpose in Purpose])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} key by {self.issuer}"
