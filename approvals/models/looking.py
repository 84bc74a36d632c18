"""Who has a request open right now."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Looking(models.Model):
    """One open page of a request: one live socket. Gone with the socket; too old if its process died."""

    socket = models.CharField(max_length=32, primary_key=True)
    approval_request = models.ForeignKey("approvals.ApprovalRequest", on_delete=models.CASCADE, related_name="looking")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person_id} looks at {self.approval_request_id}"
