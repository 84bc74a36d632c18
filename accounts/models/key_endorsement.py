"""Who says whose key it is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone

from accounts.models.approver_key import ApproverKey
from accounts.models.people_root import PeopleRoot
from audit.statements.key_endorsements import EndorsedRole


class KeyEndorsement(models.Model):
    """One endorser's statement about a key, kept as the bytes that the endorser signed.

    It led from ``people_root`` when it was recorded. Nothing is believed because of this row alone: workers and
    browsers verify the statement and those above it.
    """

    key = models.ForeignKey(ApproverKey, on_delete=models.PROTECT, related_name="endorsements")
    people_root = models.ForeignKey(PeopleRoot, on_delete=models.PROTECT, related_name="endorsements")
    role = models.CharField(max_length=32, choices=[(role.value, role.value) for role in EndorsedRole])
    endorser_key = models.BinaryField(max_length=32)
    # Who endorsed, as text: an external id, or "people root".
    endorser = models.CharField(max_length=320)
    envelope = models.BinaryField()
    signed_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="endorsed_people_role_known", condition=Q(role__in=[role.value for role in EndorsedRole])
            ),
            models.CheckConstraint(name="endorser_key_is_32_bytes", condition=Exact(Length("endorser_key"), 32)),
            # Two keys of one endorser are one.
            models.UniqueConstraint(
                fields=["key", "role", "people_root", "endorser"], name="one_endorsement_per_endorser"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key_id} as {self.role} by {self.endorser}"
