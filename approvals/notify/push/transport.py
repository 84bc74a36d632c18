"""Handing a message to the push services of a person's browsers, all at once. It is sent if one of them takes it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings
from django.utils import timezone
from webpush import WebPush, WebPushSubscription
from webpush.types import WebPushKeys

from approvals.models import PushSubscription
from approvals.notify.contracts import Answer, Job, Result
from approvals.notify.push import client, wording
from approvals.notify.push.services import PER_PERSON
from approvals.notify.push.settings import target_of
from audit.custody import CustodyError
from audit.keys.contracts import ServiceKeyMissing
from audit.keys.push import push_private_key

# How long a stolen authorization of ours would be good for, at one push service.
VAPID_SECONDS = 3600
# What all together came to: the first of these that one of them came to.
_IN_ORDER = (Result.SENT, Result.UNANSWERED, Result.TEMPORARY, Result.PERMANENT)


def send(job: Job) -> Answer:
    """Send ``job`` to every browser of its person; those that their push service no longer knows are removed."""
    rows = list(PushSubscription.objects.filter(person=job.person_id).order_by("pk")[:PER_PERSON])
    if not rows:
        return Answer(Result.PERMANENT, "No browser of this person is told any more.")
    try:
        sender = _sender()
    except (ServiceKeyMissing, CustodyError) as error:
        return Answer(Result.TEMPORARY, f"This installation's push key cannot be used: {error}", is_about_channel=True)
    message = wording.message(job.notice)
    tries = [_prepared(sender, row, message) for row in rows]
    with ThreadPoolExecutor(len(tries), "push") as threads:
        answers = [future.result() for future in [threads.submit(one) for one in tries]]
    _note(rows, answers)
    return _all(rows, answers)


def _sender() -> WebPush:
    key = push_private_key()
    return WebPush(
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        public_key=key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        subscriber=settings.PUSH_CONTACT,
        expiration=VAPID_SECONDS,
    )


def _prepared(sender: WebPush, row: PushSubscription, message: wording.PushMessage) -> partial[Answer]:
    target = target_of(row.endpoint)
    if target is None:
        return partial(Answer, Result.PERMANENT, "is none of PUSH_HOSTS")
    return partial(client.post, target, *_encrypted(sender, row, message))


def _encrypted(sender: WebPush, row: PushSubscription, message: wording.PushMessage) -> tuple[bytes, dict[str, str]]:
    keys = WebPushKeys(auth=row.auth, p256dh=row.p256dh)
    made = sender.get(message.body, WebPushSubscription.model_validate({"endpoint": row.endpoint, "keys": keys}))
    headers = {
        "Authorization": made.headers["authorization"],
        "Content-Encoding": made.headers["content-encoding"],
        "Content-Type": "application/octet-stream",
        "TTL": str(message.ttl),
        "Topic": message.topic,
        "Urgency": message.urgency,
    }
    return made.encrypted, headers


def _note(rows: Sequence[PushSubscription], answers: Sequence[Answer]) -> None:
    both = list(zip(rows, answers, strict=True))
    gone = [row.pk for row, answer in both if client.is_gone(answer)]
    taken = [row.pk for row, answer in both if answer.result is Result.SENT]
    PushSubscription.objects.filter(pk__in=gone).delete()
    PushSubscription.objects.filter(pk__in=taken).update(last_taken_at=timezone.now())


def _all(rows: Sequence[PushSubscription], answers: Sequence[Answer]) -> Answer:
    found = {answer.result for answer in answers}
    result = next(one for one in _IN_ORDER if one in found)
    said = "; ".join(f"{row.browser}: {answer.text}" for row, answer in zip(rows, answers, strict=True))
    return Answer(result, f"{said}.", retry_after=max(answer.retry_after for answer in answers))
