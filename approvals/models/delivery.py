"""The outbox: what the relay still has to tell a workflow."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from approvals.models.request import ApprovalRequest

UNDELIVERED = Q(sent_at__isnull=True, gone_at__isnull=True)


class Delivery(models.Model):
    """The decision of one request on its way to the workflow, written with the decision itself."""

    approval_request = models.OneToOneField(ApprovalRequest, on_delete=models.CASCADE, related_name="delivery")
    created_at = models.DateTimeField()
    # Not before this: the next try, or the end of the lease of whoever is trying now.
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)  # the workflow no longer exists

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="delivery_ends_once", condition=Q(sent_at__isnull=True) | Q(gone_at__isnull=True)
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="delivery_outbox", condition=UNDELIVERED)]

    def __str__(self) -> str:
        return f"delivery of {self.approval_request_id}"
