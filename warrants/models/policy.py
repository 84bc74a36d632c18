"""Versions of policies that were written here."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from warrants.policies.contracts import State


class PolicyVersion(models.Model):
    """One version. ``text`` is its YAML, and the only source of what it says; ``digest`` is SHA-256 of it.

    ``authors`` are the external ids of all who ever saved it: none of them publishes it. ``revision`` counts the saves,
    so that nobody saves over what somebody else saved meanwhile. ``replaces`` is the digest of the text that it was
    compared with, 32 zero bytes for none. ``publication`` is what the publisher signed.

    State and text change in ``warrants.policies.transitions`` alone. What left draft never changes its text again
    unless it returns there.
    """

    name = models.CharField(max_length=64)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in State])
    text = models.TextField()
    digest = models.BinaryField(max_length=32)
    authors = models.JSONField(default=list)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()
    publisher = models.CharField(max_length=320, blank=True)
    publication = models.BinaryField(null=True)
    published_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="one_policy_version_per_number"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(state=State.PUBLISHED.value), name="one_published_version_per_policy"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="policy_version_from_one"),
            models.CheckConstraint(condition=Exact(Length("digest"), 32), name="policy_digest_is_32_bytes"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in State]), name="policy_version_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[State.PUBLISHED.value, State.RETIRED.value], publication__isnull=False)
                | Q(state__in=[State.DRAFT.value, State.REVIEW.value], publication__isnull=True),
                name="policy_version_published_by_signature",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.number} ({self.state})"
