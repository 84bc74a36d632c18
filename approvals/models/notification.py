"""Who is told of a request, how, and what came of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from approvals.models.request import ApprovalRequest
from approvals.notify.contracts import NotificationEvent, NotificationState, Result

UNSENT = [state.value for state in NotificationState if not state.is_final]
SETTLED = [state.value for state in NotificationState if state.is_final]


class Notification(models.Model):
    """One thing to tell one person, or one place, over one channel, written with what it tells of."""

    approval_request = models.ForeignKey(
        ApprovalRequest, on_delete=models.CASCADE, related_name="notifications", db_index=False
    )
    channel = models.CharField(max_length=20)
    event = models.CharField(max_length=16, choices=[(event.value, event.value) for event in NotificationEvent])
    # Tells two of the same event apart: how many decisions there were, or how many no longer counted; else 0.
    step = models.PositiveSmallIntegerField(default=0)
    # Who is told stays readable when the account is gone.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    recipient = models.CharField(max_length=320)
    display_name = models.CharField(max_length=200)
    # Where it goes if that is no person, as the channel names it.
    place = models.CharField(max_length=200, blank=True)
    # What the other side calls it, for a channel that changes it later.
    remote_id = models.CharField(max_length=200, blank=True)
    urgency = models.PositiveSmallIntegerField()  # the request's when it was opened; 0 is the most urgent
    state = models.CharField(
        max_length=8,
        choices=[(state.value, state.value) for state in NotificationState],
        default=NotificationState.WAITING.value,
    )
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    # Not before this: the next try, or the end of the lease of whoever is trying now.
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["approval_request", "channel", "recipient", "event", "step"], name="notified_once"
            ),
            models.CheckConstraint(
                name="notification_ends_when_final",
                condition=Q(state__in=UNSENT, ended_at__isnull=True) | Q(state__in=SETTLED, ended_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "urgency", "due_at"], name="notification_due", condition=Q(state__in=UNSENT)
            ),
            models.Index(fields=["-created_at"], name="notification_when"),
            # What failed or is late, among much that was sent. Whole: SQLite uses no part of an index for bound values.
            models.Index(fields=["state", "-created_at"], name="notification_state_when"),
        ]

    def __str__(self) -> str:
        return f"{self.event} of {self.approval_request_id} to {self.recipient} by {self.channel}"


class NotificationAttempt(models.Model):
    """One attempt, written before it is made: one without a result may have arrived."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="tries", db_index=False)
    number = models.PositiveIntegerField()
    address = models.CharField(max_length=320)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=10, choices=[(result.value, result.value) for result in Result], blank=True)
    answer = models.TextField(blank=True)  # partly the other side's words

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notification", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                name="attempt_ends_with_a_result",
                condition=Q(result="", ended_at__isnull=True) | (~Q(result="") & Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.notification_id}"


class ChannelTrouble(models.Model):
    """That a channel's other side is in trouble, or its receiver ``place``, until it takes a message."""

    channel = models.CharField(max_length=20)
    place = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField()
    tried_at = models.DateTimeField()
    answer = models.TextField()  # partly the other side's words

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "place"], name="one_trouble_at_a_time")]

    def __str__(self) -> str:
        return f"{self.channel} {self.place} since {self.since:%Y-%m-%d %H:%M}"


class MutedChannel(models.Model):
    """A channel over which a person does not want to be told."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="muted_channels", db_index=False
    )
    channel = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "channel"], name="muted_once")]

    def __str__(self) -> str:
        return f"{self.person_id} is not told by {self.channel}"


class QuietHours(models.Model):
    """When a person is not to be told, by the clock of ``time_zone``. Over midnight if it ends before it begins."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiet_hours")
    begins = models.TimeField()
    ends = models.TimeField()
    time_zone = models.CharField(max_length=64)  # as IANA names it

    class Meta:
        verbose_name_plural = "quiet hours"
        constraints = [models.CheckConstraint(name="quiet_hours_end", condition=~Q(begins=F("ends")))]

    def __str__(self) -> str:
        return f"{self.begins:%H:%M} to {self.ends:%H:%M} {self.time_zone}"
