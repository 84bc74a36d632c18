"""Programs that ask to sign in through a person's browser."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone

from accounts.devices.contracts import POLL_SECONDS


class DeviceGrant(models.Model):
    """One sign-in of one program (RFC 8628). The program keeps the device code, the person types the user code.

    ``person`` and ``decided_at`` are set by whoever confirms or refuses; ``redeemed_at`` when the program took
    its token.
    """

    device_code_hash = models.BinaryField(max_length=32, unique=True)
    # Eight letters without the hyphen. Short, so it is only good for a person who is signed in, and not for long.
    user_code = models.CharField(max_length=8, unique=True)
    client_name = models.CharField(max_length=100)
    # Where the program called from: shown to the person, who may know it.
    address = models.CharField(max_length=64)
    begun_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    interval = models.PositiveSmallIntegerField(default=POLL_SECONDS)
    polled_at = models.DateTimeField(null=True, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    is_allowed = models.BooleanField(default=False)
    redeemed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="device_code_hash_is_32_bytes", condition=Exact(Length("device_code_hash"), 32)
            ),
            models.CheckConstraint(
                name="device_grant_decided_by_a_person",
                condition=Q(person__isnull=True, decided_at__isnull=True, is_allowed=False)
                | Q(person__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="device_grant_redeemed_if_allowed", condition=Q(redeemed_at__isnull=True) | Q(is_allowed=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_name} from {self.address} until {self.expires_at:%H:%M:%S}"

    @property
    def shown_code(self) -> str:
        """The user code as people read it: ``BCDF-GHJK``."""
        return f"{self.user_code[:4]}-{self.user_code[4:]}"
