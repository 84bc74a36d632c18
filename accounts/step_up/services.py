"""Asking somebody who is signed in to show again that it is them, and using that up, once, for one purpose.

A session can be stolen and a browser left open. A step-up is a fresh passkey, or a fresh sign-in at the person's
provider, bound to person, session and purpose. It is given first and used later, in the transaction of what it is for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.errors import MalformedInput
from accounts.models import Person, ProviderVisit, StepUp
from accounts.passkeys import proofs
from accounts.passkeys.queries import has_passkey
from accounts.step_up import queries
from accounts.step_up.contracts import Method, is_purpose, session_mark
from accounts.step_up.errors import NoProvider, NoStepUp, ProviderRefused

VISIT_LIFETIME = timedelta(minutes=10)
# The provider's clock and ours may differ by this much.
CLOCK_TOLERANCE = timedelta(seconds=30)
# An unused step-up is of no use after this: no policy may ask for one that is older.
LONGEST_AGE = timedelta(hours=1)


def begin(*, person: Person, purpose: str, session_key: str) -> dict[str, Any]:
    """Return the options with which the browser asks for a passkey. Raises ``MalformedInput`` and ``NoPasskey``."""
    _require_purpose(purpose, session_key)
    return proofs.begin(person=person, purpose=purpose, session_key=session_key)


def complete(*, person: Person, purpose: str, session_key: str, credential: str) -> StepUp:
    """Record that a passkey of ``person`` answered what ``begin`` asked; ``credential`` is its answer as JSON.

    Raises ``MalformedInput``, ``UnusableChallenge`` and ``PasskeyRefused``; then nothing was recorded, and the
    challenge is used up.
    """
    _require_purpose(purpose, session_key)
    passkey = proofs.check(person=person, purpose=purpose, session_key=session_key, credential=credential)
    passkey.record_usage()
    return _create(person, purpose, session_key, Method.PASSKEY, timezone.now())


@transaction.atomic
def begin_visit(*, person: Person, purpose: str, session_key: str) -> ProviderVisit:
    """Record that ``person`` is sent to their provider now.

    Raises ``MalformedInput``, and ``NoProvider`` for somebody who has a passkey: they use that.
    """
    _require_purpose(purpose, session_key)
    if has_passkey(person):
        raise NoProvider
    now = timezone.now()
    ProviderVisit.objects.filter(expires_at__lt=now - VISIT_LIFETIME).delete()
    return ProviderVisit.objects.create(
        person=person,
        purpose=purpose,
        session=session_mark(session_key),
        started_at=now,
        expires_at=now + VISIT_LIFETIME,
    )


@transaction.atomic
def complete_visit(*, person: Person, purpose: str, session_key: str, auth_time: int) -> StepUp:
    """Record that the provider asked ``person`` again, at ``auth_time`` (UTC seconds, from a token that was verified).

    1. A visit of this person was begun in this session for ``purpose``, and has neither ended nor is late.
    2. The person signed in after it began, and not in the future.

    The visit counts once, whatever comes of it. Raises ``ProviderRefused``.
    """
    now = timezone.now()
    visit = (
        ProviderVisit.objects.select_for_update()
        .filter(person=person, purpose=purpose, session=session_mark(session_key), returned_at=None, expires_at__gt=now)
        .order_by("-started_at", "-pk")
        .first()
    )
    if visit is None:  # 1
        raise ProviderRefused
    at = _time(auth_time)
    if not visit.started_at - CLOCK_TOLERANCE <= at <= now + CLOCK_TOLERANCE:  # 2
        raise ProviderRefused
    visit.returned_at = now
    visit.save(update_fields=["returned_at"])
    return _create(person, purpose, session_key, Method.SSO, min(at, now))


def consume(*, person: Person, purpose: str, session_key: str, max_age_seconds: int) -> StepUp:
    """Use up the person's newest step-up for ``purpose`` in this session. Call it in the transaction it is for.

    Raises ``NoStepUp`` if there is none that is unused and at most ``max_age_seconds`` old.
    """
    found = queries.unused(person=person, purpose=purpose, session_key=session_key, max_age_seconds=max_age_seconds)
    if found is None:
        raise NoStepUp
    found.used_at = timezone.now()
    # Of several at once, the database lets one change the row.
    if not StepUp.objects.filter(pk=found.pk, used_at=None).update(used_at=found.used_at):
        raise NoStepUp
    return found


def _require_purpose(purpose: str, session_key: str) -> None:
    if not is_purpose(purpose) or not session_key:
        raise MalformedInput("What this is for cannot be read. Reload the page and try again.", field="purpose")


def _create(person: Person, purpose: str, session_key: str, method: Method, at: datetime) -> StepUp:
    StepUp.objects.filter(person=person, used_at=None, at__lt=timezone.now() - LONGEST_AGE).delete()
    return StepUp.objects.create(
        person=person, purpose=purpose, session=session_mark(session_key), method=method, at=at
    )


def _time(seconds: int) -> datetime:
    if type(seconds) is not int or not 0 <= seconds < 2**40:
        raise ProviderRefused
    return datetime.fromtimestamp(seconds, UTC)
