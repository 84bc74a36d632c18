"""Signing a program in: it begins, a person decides in their browser, it takes its token once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.devices.contracts import (
    DEVICE_LIFETIME,
    SLOW_DOWN_SECONDS,
    new_user_code,
    normalised_user_code,
)
from accounts.devices.queries import waiting_devices
from accounts.errors import (
    AuthorizationPending,
    DeviceDenied,
    ExpiredDevice,
    NoRole,
    SlowDown,
    UnknownUserCode,
)
from accounts.models import ApiToken, DeviceGrant, Person
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.tokens import services as tokens
from accounts.tokens.queries import token_hash

_DEVICE_CODE_BYTES = 32
_ATTEMPTS = 5


def begin(*, client_name: str, address: str) -> tuple[DeviceGrant, str]:
    """Return a new sign-in and its device code, which only the program learns.

    ``address`` is where the program called from. Raises ``InvalidTokenName``.
    """
    client_name = tokens.clean_name(client_name)
    device_code = secrets.token_urlsafe(_DEVICE_CODE_BYTES)
    now = timezone.now()
    DeviceGrant.objects.filter(expires_at__lt=now - DEVICE_LIFETIME).delete()
    for attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                device = DeviceGrant.objects.create(
                    device_code_hash=token_hash(device_code),
                    user_code=new_user_code(),
                    client_name=client_name,
                    address=address,
                    begun_at=now,
                    expires_at=now + DEVICE_LIFETIME,
                )
        except IntegrityError:
            # Two programs drew the same letters; of 25 thousand million, hardly twice in a row.
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return device, device_code
    raise AssertionError("unreachable")


@transaction.atomic
def decide(*, person: Person, user_code: str, is_allowed: bool) -> DeviceGrant:
    """Let the program that waits with ``user_code`` sign in as ``person``, or refuse it. Either is final.

    Raises ``NoRole`` and ``UnknownUserCode``.
    """
    if not has_role(person, Role.VIEWER):
        raise NoRole
    device = waiting_devices().select_for_update().filter(user_code=normalised_user_code(user_code)).first()
    if device is None:
        raise UnknownUserCode
    device.person, device.is_allowed, device.decided_at = person, is_allowed, timezone.now()
    device.save(update_fields=["person", "is_allowed", "decided_at"])
    return device


def redeem(*, device_code: str) -> tuple[ApiToken, str]:
    """Return the token of a sign-in that was confirmed, once.

    Raises ``ExpiredDevice``, ``SlowDown``, ``AuthorizationPending`` and ``DeviceDenied``.
    """
    # The note that the program asked too early must stay, so the refusal is raised after the transaction.
    with transaction.atomic():
        given = _redeem(device_code)
    if isinstance(given, tuple):
        return given
    raise given


def _redeem(device_code: str) -> tuple[ApiToken, str] | Exception:
    device = (
        DeviceGrant.objects.select_for_update(of=("self",)).filter(device_code_hash=token_hash(device_code)).first()
    )
    now = timezone.now()
    if device is None or device.redeemed_at is not None or device.expires_at <= now:
        return ExpiredDevice()
    if _asks_too_early(device, now):
        return SlowDown()
    if device.person is None:
        return AuthorizationPending()
    # The person may have been disabled, or lost every role, since they confirmed.
    if not device.is_allowed or not has_role(device.person, Role.VIEWER):
        return DeviceDenied()
    device.redeemed_at = now
    device.save(update_fields=["redeemed_at"])
    return tokens.make(person=device.person, name=device.client_name)


def _asks_too_early(device: DeviceGrant, now: datetime) -> bool:
    is_early = device.polled_at is not None and now - device.polled_at < timedelta(seconds=device.interval)
    device.polled_at = now
    device.interval += SLOW_DOWN_SECONDS if is_early else 0
    device.save(update_fields=["polled_at", "interval"])
    return is_early
