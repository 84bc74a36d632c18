"""Reading programs that wait for a person."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from accounts.devices.contracts import normalised_user_code
from accounts.errors import UnknownUserCode
from accounts.models import DeviceGrant


def waiting_device(*, user_code: str) -> DeviceGrant:
    """Return the program that waits with ``user_code``, as a person typed it. Raises ``UnknownUserCode``."""
    device = waiting_devices().filter(user_code=normalised_user_code(user_code)).first()
    if device is None:
        raise UnknownUserCode
    return device


def waiting_devices() -> QuerySet[DeviceGrant]:
    return DeviceGrant.objects.filter(decided_at=None, expires_at__gt=timezone.now())
