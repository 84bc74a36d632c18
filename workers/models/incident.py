"""An incident that an alert has opened: the fact that makes a redelivery harmless."""

from __future__ import annotations

from django.db import models

from audit.models.sealed import SealedText


class Incident(models.Model):
    """One incident, with the warrant minted for it and the workflow that works on it.

    ``incident_id`` is the sender's, and so are the words of ``title``. ``started_at`` is empty while Temporal has not
    accepted the workflow.
    ``barred_people`` are texts: who raised the alert, and for whom the agent acts, as the sender names them.
    ``acting_for`` is the one of them with whose authority the agent works, or empty.
    """

    incident_id = models.CharField(max_length=64, unique=True)
    namespace = models.CharField(max_length=255)
    title = SealedText(namespace="namespace", row=("incident_id",))
    severity = models.CharField(max_length=16)
    service = models.CharField(max_length=100)
    scenario = models.CharField(max_length=40)
    barred_people = models.JSONField(default=list)
    acting_for = models.CharField(max_length=320, blank=True, default="")
    warrant_id = models.CharField(max_length=64)
    workflow_id = models.CharField(max_length=80, unique=True)
    received_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return self.incident_id
