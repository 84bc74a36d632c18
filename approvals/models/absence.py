"""Who is away, and who is told instead."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Absence(models.Model):
    """``person`` is away from ``begins`` to before ``ends``, or until it was ended.

    It is never changed but for its end. One that was ended before it began never was.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences")
    stand_in = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    time_zone = models.CharField(max_length=64)  # as IANA names it: whose clock it was said by
    # Text, so that it stays true when the account is gone.
    made_by = models.CharField(max_length=320)
    made_at = models.DateTimeField()
    ended_by = models.CharField(max_length=320, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["begins", "pk"]
        constraints = [
            models.CheckConstraint(name="absence_ends_later", condition=Q(ends__gt=F("begins"))),
            models.CheckConstraint(name="absence_has_another_stand_in", condition=~Q(stand_in=F("person"))),
            models.CheckConstraint(
                name="absence_ended_by_somebody",
                condition=Q(ended_at__isnull=True, ended_by="") | Q(ended_at__isnull=False) & ~Q(ended_by=""),
            ),
        ]
        indexes = [models.Index(fields=["ends"], name="absence_standing", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.person_id} is away"
