"""Who has a request open right now, and who opened it when first."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Looking(models.Model):
    """One open page of a request: one live socket. Gone with the socket; too old if its process died."""

    socket = models.CharField(max_length=32, primary_key=True)
    approval_request = models.ForeignKey("approvals.ApprovalRequest", on_delete=models.CASCADE, related_name="looking")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person_id} looks at {self.approval_request_id}"


class Opening(models.Model):
    """When somebody first opened a request's page: their time to read runs from here."""

    approval_request = models.ForeignKey(
        "approvals.ApprovalRequest", on_delete=models.CASCADE, related_name="openings", db_index=False
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["approval_request", "person"], name="opened_first_once")]

    def __str__(self) -> str:
        return f"{self.person_id} opened {self.approval_request_id}"
