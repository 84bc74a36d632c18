"""Who is on call, who is told first, and how far the telling of a request has come."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from approvals.models.request import ApprovalRequest
from approvals.on_call.contracts import DAYS_OF_WEEK, MAXIMUM_DAYS


class OnCallRotation(models.Model):
    """People who take turns; ``approvals.on_call.contracts.Rotation`` says how. ``namespace`` is empty for all.

    With ``schedule``, a name in ``ON_CALL_SCHEDULES``, who is on call is taken from there, and there are no turns.
    """

    name = models.CharField(max_length=100, unique=True)
    namespace = models.CharField(max_length=255, blank=True)
    schedule = models.CharField(max_length=40, blank=True)
    hands_over = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64)  # as IANA names it
    starts_on = models.DateField(null=True, blank=True)
    every_days = models.PositiveSmallIntegerField(default=DAYS_OF_WEEK)
    weekday = models.PositiveSmallIntegerField(null=True, blank=True)  # 0 is Monday
    # Text, so that it stays true when the account is gone.
    changed_by = models.CharField(max_length=320)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="rotation_turns", condition=Q(every_days__gte=1, every_days__lte=MAXIMUM_DAYS)),
            models.CheckConstraint(
                name="rotation_weekday", condition=Q(weekday__isnull=True) | Q(weekday__lt=DAYS_OF_WEEK)
            ),
            models.CheckConstraint(
                name="rotation_has_turns_or_schedule",
                condition=~Q(schedule="") | Q(hands_over__isnull=False, starts_on__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OnCallMember(models.Model):
    """One person of a rotation; they take turns by ``position``."""

    rotation = models.ForeignKey(OnCallRotation, on_delete=models.CASCADE, related_name="members", db_index=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["rotation", "position"], name="one_member_per_position")]

    def __str__(self) -> str:
        return f"{self.person_id} is number {self.position} of {self.rotation_id}"


class OnCallOverride(models.Model):
    """Somebody else is on call from ``begins`` to before ``ends``. Of two that overlap the one made last counts.

    ``ended_at``: it was ended early; before it began, it never was.
    """

    rotation = models.ForeignKey(OnCallRotation, on_delete=models.CASCADE, related_name="overrides")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    made_by = models.CharField(max_length=320)
    made_at = models.DateTimeField()
    ended_by = models.CharField(max_length=320, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(name="override_ends_later", condition=Q(ends__gt=F("begins"))),
            models.CheckConstraint(
                name="override_ended_by_somebody",
                condition=Q(ended_at__isnull=True, ended_by="") | Q(ended_at__isnull=False) & ~Q(ended_by=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} instead in {self.rotation_id}"


class OnCallSchedule(models.Model):
    """How the fetching of a schedule that is kept elsewhere stands. ``name`` as in ``ON_CALL_SCHEDULES``.

    It is fetched at ``due_at``, which whoever fetches it moves on first, as a lease. What was fetched last stays in
    force to ``known_until``, however long it fails: ``failing_since``, for ``trouble`` (``elsewhere.contracts``).
    """

    name = models.CharField(primary_key=True, max_length=40)
    due_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)
    known_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="schedule_fails_for_a_reason",
                condition=Q(failing_since__isnull=True, trouble="") | (Q(failing_since__isnull=False) & ~Q(trouble="")),
            )
        ]

    def __str__(self) -> str:
        return self.name


class OnCallScheduleShift(models.Model):
    """Somebody is on call elsewhere from ``begins`` to before ``ends``, as they are called there. Several may be."""

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="shifts", db_index=False)
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    email = models.CharField(max_length=254, blank=True)
    name = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["begins", "ends", "email", "name"]
        indexes = [models.Index(fields=["schedule", "ends"], name="schedule_shifts")]
        constraints = [models.CheckConstraint(name="schedule_shift_ends_later", condition=Q(ends__gt=F("begins")))]

    def __str__(self) -> str:
        return f"{self.name or self.email} in {self.schedule_id}"


class LadderStep(models.Model):
    """Whom to tell of requests under ``policy`` (empty: under all that have no ladder), and how long to wait then.

    ``rotation``: whoever is on call; else ``people``. After ``wait_minutes``, or ``wait_percent`` of the time left,
    the next step is told; after the last, everybody who can decide.
    """

    policy = models.CharField(max_length=100, blank=True)
    position = models.PositiveSmallIntegerField()
    rotation = models.ForeignKey(OnCallRotation, null=True, blank=True, on_delete=models.PROTECT, related_name="steps")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    wait_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    wait_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    changed_by = models.CharField(max_length=320)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["policy", "position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "position"], name="one_step_per_position"),
            models.CheckConstraint(
                name="step_waits_one_way",
                condition=Q(wait_minutes__gte=1, wait_percent__isnull=True)
                | Q(wait_minutes__isnull=True, wait_percent__gte=1, wait_percent__lte=99),
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.position} of {self.policy or 'every policy'}"


class Escalation(models.Model):
    """How far the telling of a request has come. Moved on by the notifier, while the request waits.

    ``step`` is the position that is told next, at ``due_at``; None when there is nothing left to tell. ``paused_until``
    is how long claims may hold it up, from the first that did.
    """

    approval_request = models.OneToOneField(
        ApprovalRequest, on_delete=models.CASCADE, primary_key=True, related_name="escalation"
    )
    policy = models.TextField(blank=True)  # as its warrant names it
    step = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="escalation_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.approval_request_id} before step {self.step}"


class EscalationMove(models.Model):
    """One step that was told. ``told``: names. ``skipped``: [name, why] of who was on call and was not told."""

    approval_request = models.ForeignKey(
        ApprovalRequest, on_delete=models.CASCADE, related_name="escalation_moves", db_index=False
    )
    step = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=120)
    at = models.DateTimeField()
    told = models.JSONField(default=list)
    skipped = models.JSONField(default=list)

    class Meta:
        ordering = ["step"]
        constraints = [models.UniqueConstraint(fields=["approval_request", "step"], name="escalated_once")]

    def __str__(self) -> str:
        return f"step {self.step} of {self.approval_request_id}"
