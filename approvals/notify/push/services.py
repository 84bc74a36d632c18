"""A person's browsers are told, or no longer."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.models import PushSubscription
from approvals.notify.push.errors import PushNotSetUp, PushRefused, PushTaken, TooManyBrowsers
from approvals.notify.push.settings import is_set_up, target_of
from audit.keys.push import push_public_key

PER_PERSON = 10
MAXIMUM_ENDPOINT = 1000
_POINT, _SECRET = 65, 16


@transaction.atomic
def subscribe(*, person: Person, endpoint: str, p256dh: str, auth: str, browser: str) -> PushSubscription:
    """Tell the browser that has ``endpoint`` from now on, and nobody else of it. Harmless to repeat.

    Raises ``PushNotSetUp``, ``PushRefused``, ``PushTaken`` or ``TooManyBrowsers``.
    """
    if not (is_set_up() and push_public_key()):
        raise PushNotSetUp
    if len(endpoint) > MAXIMUM_ENDPOINT or target_of(endpoint) is None:
        raise PushRefused(
            "Countersign sends nothing to this browser's push service. Whoever runs it can add it to PUSH_HOSTS.",
            field="endpoint",
        )
    p256dh, auth = _point(p256dh), _bytes(auth, _SECRET, "auth")
    # Two of a person's browsers that come at once come one after the other.
    Person.objects.select_for_update().get(pk=person.pk)
    known = PushSubscription.objects.select_for_update().filter(endpoint=endpoint).first()
    if known is not None and (known.p256dh, known.auth) != (p256dh, auth):
        raise PushTaken
    own = PushSubscription.objects.filter(person=person)
    if own.exclude(endpoint=endpoint).count() >= PER_PERSON:
        raise TooManyBrowsers(PER_PERSON)
    values = {"person": person, "p256dh": p256dh, "auth": auth, "browser": browser}
    row, _ = PushSubscription.objects.update_or_create(
        endpoint=endpoint, defaults=values, create_defaults={**values, "created_at": timezone.now()}
    )
    return row


def unsubscribe(*, person: Person, subscription_id: int) -> bool:
    """Tell one of ``person``'s browsers no more; return whether it was one."""
    deleted, _ = PushSubscription.objects.filter(person=person, pk=subscription_id).delete()
    return bool(deleted)


def _point(text: str) -> str:
    canonical = _bytes(text, _POINT, "p256dh")
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), urlsafe_b64decode(f"{canonical}="))
    except ValueError:
        raise _no_keys("p256dh") from None
    return canonical


def _bytes(text: str, length: int, field: str) -> str:
    """Return base64url of ``length`` bytes without its padding."""
    try:
        found = urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)) if len(text) < 100 else b""
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != length:
        raise _no_keys(field)
    return urlsafe_b64encode(found).rstrip(b"=").decode()


def _no_keys(field: str) -> PushRefused:
    return PushRefused("Your browser did not give keys that messages can be encrypted for. Update it.", field=field)
