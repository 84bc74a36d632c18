"""The tools that workers say they have."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ReportedTool(models.Model):
    """A tool of the workers on one task queue. ``parameters`` is a list of ``[name, type, required]``, in order.

    All of it is what they say themselves. ``seen_at`` is when one last did.
    """

    namespace = models.CharField(max_length=200)
    task_queue = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    parameters = models.JSONField(default=list)
    description = models.CharField(max_length=500, blank=True)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "namespace", "task_queue"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "task_queue", "name"], name="one_reported_tool_per_place"),
            models.CheckConstraint(name="reported_tool_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.namespace}/{self.task_queue}"
