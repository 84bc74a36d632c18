"""Who has said that they work on a request."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Claim(models.Model):
    """Somebody works on a request, and others know. It keeps nobody from deciding, and lapses by itself at ``until``.

    ``ended_at`` is when it was given back, taken over or found lapsed; a claim that has lapsed may stand without it
    until the next one. ``taken_from`` is the person whose live claim this one took over.
    """

    approval_request = models.ForeignKey("approvals.ApprovalRequest", on_delete=models.CASCADE, related_name="claims")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    claimed_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    taken_from = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["approval_request"], name="one_claim_per_request", condition=Q(ended_at__isnull=True)
            ),
            models.CheckConstraint(name="claim_lapses_later", condition=Q(until__gt=F("claimed_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} claims {self.approval_request_id}"
