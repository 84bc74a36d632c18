"""A call that waits for people, and whose keys its warrant asks for."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from approvals.contracts import OutcomeStatus, RequestState
from audit.models.sealed import SealedBytes, SealedList, SealedText

STATES = [(state.value, state.value) for state in RequestState]
OUTCOMES = [(status.value, status.value) for status in OutcomeStatus]
UNFINISHED = [state.value for state in RequestState if not state.is_final]
FINAL = [state.value for state in RequestState if state.is_final]
_OF_ITS_ROW: dict[str, Any] = {"namespace": "namespace", "row": ("pk",)}


class ApprovalRequest(models.Model):
    """One gated call of one run. ``id`` is made by the workflow; texts from the agent are data, never markup.

    What the agent, the gate and the call said and got is content: sealed with the namespace's ring.
    """

    # Narrow columns first: SQLite walks a row from the left, and the wide ones are long.
    id = models.CharField(primary_key=True, max_length=64)
    state = models.CharField(max_length=16, choices=STATES, default=RequestState.OPEN.value)
    # The place in the queue: 0 is the most urgent; empty once the request is over.
    urgency = models.PositiveSmallIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    threshold = models.PositiveSmallIntegerField()
    # How old an approver's second factor may be. None: the policy does not ask for one.
    step_up_seconds = models.PositiveIntegerField(null=True, blank=True)
    # How long an approver must have had the page open; how many they may approve in an hour; what they have to type.
    # None, and empty: the policy does not ask.
    reading_seconds = models.PositiveIntegerField(null=True, blank=True)
    approvals_per_hour = models.PositiveIntegerField(null=True, blank=True)
    confirm_text = SealedText(blank=True, **_OF_ITS_ROW)
    earlier_denials = models.PositiveIntegerField(default=0)
    tool = models.CharField(max_length=200)
    target = SealedText(blank=True, **_OF_ITS_ROW)
    agent = models.CharField(max_length=200, blank=True)
    # With whose authority the agent works, as the warrant says: an external id, or empty.
    acting_for = models.CharField(max_length=320, blank=True, default="")
    severity = models.CharField(max_length=40, blank=True)
    service = models.CharField(max_length=200, blank=True)
    outcome_status = models.CharField(max_length=16, choices=OUTCOMES, blank=True)
    # Why the same call is asked about anew; empty where it is asked about for the first time.
    why_again = SealedText(blank=True, **_OF_ITS_ROW)
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="supersedes"
    )

    chain = models.CharField(max_length=64)  # the root warrant's id, which names the ledger chain
    warrant_id = models.CharField(max_length=64)  # the leaf's
    namespace = models.CharField(max_length=255)
    workflow_id = models.CharField(max_length=1000)
    run_id = models.CharField(max_length=64)
    workflow_type = models.CharField(max_length=1000)
    request_hash = models.BinaryField(max_length=32)
    # SHA-256 of everything the gate sent: opening again with other content is refused.
    content_digest = models.BinaryField(max_length=32)
    # Of what people are shown beyond the call, as the gate sent it: decisions are bound to it.
    display_digest = models.BinaryField(max_length=32)

    arguments_cbor = SealedBytes(**_OF_ITS_ROW)
    warrant_chain = models.JSONField()  # base64, root first
    gate_message = SealedText(blank=True, **_OF_ITS_ROW)
    reasoning = SealedText(blank=True, **_OF_ITS_ROW)
    history = SealedList(blank=True, **_OF_ITS_ROW)
    outcome_code = models.CharField(max_length=200, blank=True)
    outcome_detail = SealedText(blank=True, **_OF_ITS_ROW)
    result_text = SealedText(blank=True, **_OF_ITS_ROW)
    # When the columns of content were emptied, with the ledger's.
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="request_state_known", condition=Q(state__in=UNFINISHED + FINAL)),
            models.CheckConstraint(
                name="request_closed_when_final",
                condition=Q(state__in=UNFINISHED, closed_at__isnull=True, urgency__isnull=False)
                | Q(state__in=FINAL, closed_at__isnull=False, urgency__isnull=True),
            ),
            models.CheckConstraint(name="request_hash_is_32_bytes", condition=Exact(Length("request_hash"), 32)),
            models.CheckConstraint(name="display_digest_is_32_bytes", condition=Exact(Length("display_digest"), 32)),
            models.CheckConstraint(
                name="request_step_up_takes_time", condition=Q(step_up_seconds=None) | Q(step_up_seconds__gt=0)
            ),
            models.CheckConstraint(
                name="request_superseded_by_another",
                condition=~Q(state=RequestState.SUPERSEDED.value, superseded_by=None)
                & (Q(superseded_by=None) | ~Q(superseded_by=F("id"))),
            ),
            models.CheckConstraint(name="request_needs_someone", condition=Q(threshold__gte=1)),
            models.CheckConstraint(name="request_expires_later", condition=Q(expires_at__gt=F("opened_at"))),
        ]
        indexes = [
            # With the state, so that counting reads nothing but the index.
            models.Index(fields=["urgency", "expires_at", "id", "state"], name="request_queue"),
            models.Index(fields=["-opened_at", "-id"], name="request_past"),
            models.Index(fields=["run_id"], name="request_run"),
            models.Index(fields=["request_hash"], name="request_call", condition=Q(urgency__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_asked_again(self) -> bool:
        """Whether people were asked about the same call before. That takes no key: nothing is stored for no reason."""
        return bool(self.__dict__["why_again"])


class RequiredApprover(models.Model):
    """A public key that the leaf warrant of a request names as an approver."""

    approval_request = models.ForeignKey(
        ApprovalRequest, on_delete=models.CASCADE, related_name="required_approvers", db_index=False
    )
    public_key = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval_request", "public_key"], name="required_approver_once"),
        ]

    def __str__(self) -> str:
        return f"{bytes(self.public_key).hex()[:8]} for {self.approval_request_id}"
