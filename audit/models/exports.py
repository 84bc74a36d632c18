"""Who took evidence away: which search's population, in what form, how much of it, and whether it was sent whole."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from audit.population.contracts import ExportForm, ExportState

_RUNNING = Q(state=ExportState.RUNNING.value)


class Export(models.Model):
    """One export. ``count`` and ``root`` (SHA-256) are of the whole population, and null until it is counted.

    ``search`` are the search's terms, without those that may be content. ``periods`` are
    [{"count", "period": "2026-11", "root": hex}]. ``why`` says in a sentence why one broke off. A running one has a
    ``slot``, of which each person has a few, and commands need none; ``moved_at`` is when it last got on, so that one
    whose process is gone is known.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.CharField(max_length=320, db_index=True)
    form = models.CharField(max_length=16, choices=[(form.value, form.value) for form in ExportForm])
    search = models.JSONField(default=dict)
    count = models.PositiveBigIntegerField(null=True)
    root = models.BinaryField(max_length=32, null=True)
    periods = models.JSONField(default=list)
    sent = models.PositiveBigIntegerField(default=0)
    state = models.CharField(
        max_length=16, choices=[(state.value, state.value) for state in ExportState], default=ExportState.RUNNING.value
    )
    slot = models.PositiveSmallIntegerField(null=True)
    why = models.TextField(blank=True)
    begun_at = models.DateTimeField(auto_now_add=True, db_index=True)
    moved_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-begun_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "slot"], condition=_RUNNING, name="one_running_export_per_slot"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in ExportState]), name="export_state_known"
            ),
            models.CheckConstraint(
                condition=_RUNNING & Q(ended_at__isnull=True)
                | ~_RUNNING & Q(ended_at__isnull=False, slot__isnull=True),
                name="export_running_or_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form} for {self.person}"


class ExportedNamespace(models.Model):
    """How many of an export's entries are of ``namespace`` (or of none), whose auditors see the export."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="namespaces")
    namespace = models.CharField(max_length=255, blank=True, db_index=True)
    count = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["namespace"]
        constraints = [
            models.UniqueConstraint(fields=["export", "namespace"], name="one_count_per_namespace_of_export")
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.namespace or 'the installation'}"
