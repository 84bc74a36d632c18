"""Handing a webhook to its receiver, and what that answers. Never raises for what a receiver does, and ends in time."""

from __future__ import annotations

import time
from http import HTTPStatus

from django.utils import timezone

from approvals.models import StoppedWebhook
from approvals.notify import outgoing
from approvals.notify.contracts import Answer, Job, Result
from approvals.notify.outgoing import Heard, NotAllowed, Unanswered, Unreachable
from approvals.notify.webhooks import wording
from approvals.notify.webhooks.resting import Resting
from approvals.notify.webhooks.settings import Receiver, receivers
from approvals.notify.webhooks.signing import headers

_FOR_NOW = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
resting = Resting()


def send(job: Job) -> Answer:
    """Send ``job`` to its receiver, unless that rests or is gone."""
    receiver = receivers().get(job.address)
    if receiver is None:
        return Answer(Result.PERMANENT, f"WEBHOOKS has no receiver {job.address} any more.")
    if StoppedWebhook.objects.filter(name=receiver.name).exists():
        return Answer(Result.PERMANENT, "Not sent: the receiver has said that it is gone. Send it a test.")
    left = resting.seconds_left(receiver.name)
    if left:
        return Answer(Result.TEMPORARY, "Not sent: the receiver failed a moment ago.", retry_after=left)
    return _send(receiver, wording.message_id(job), wording.body(job.notice))


def send_test(receiver: Receiver) -> Answer:
    """Send a test now. A receiver that takes it has come back, if it was gone."""
    answer = _send(receiver, f"msg_test_{time.time_ns()}", wording.test_body(receiver.name))
    if answer.result is Result.SENT:
        StoppedWebhook.objects.filter(name=receiver.name).delete()
    return answer


def _send(receiver: Receiver, message_id: str, body: bytes) -> Answer:
    answer = _answer(receiver, message_id, body)
    if answer.result in (Result.TEMPORARY, Result.UNANSWERED):
        resting.failed(receiver.name, asked_seconds=answer.retry_after)
    else:
        resting.answered(receiver.name)
    return answer


def _answer(receiver: Receiver, message_id: str, body: bytes) -> Answer:
    signed = headers(message_id=message_id, seconds=int(time.time()), body=body, secrets=receiver.secrets)
    sent = {"content-type": "application/json", **signed}
    try:
        heard = outgoing.post(receiver.url, body, sent, allow_private=receiver.allow_private)
    except NotAllowed:
        said = "The receiver's host has an address that is not allowed: see allow_private in docs/webhooks.md."
        return Answer(Result.PERMANENT, said)
    except Unreachable as error:
        return Answer(Result.TEMPORARY, f"The receiver cannot be reached: {error}.")
    except Unanswered as error:
        return Answer(Result.UNANSWERED, f"The receiver did not say whether it took it: {error}.")
    return _judge(receiver.name, heard)


def _judge(name: str, heard: Heard) -> Answer:
    status = heard.status
    if 200 <= status < 300:
        return Answer(Result.SENT, f"Taken: {status}.")
    if status == HTTPStatus.GONE:
        StoppedWebhook.objects.get_or_create(name=name, defaults={"since": timezone.now()})
        return Answer(Result.PERMANENT, "The receiver is gone (410): nothing is sent to it until it takes a test.")
    if 300 <= status < 400:
        return Answer(Result.PERMANENT, f"The receiver wants it elsewhere ({status}). Set its url to that address.")
    if status in _FOR_NOW:
        return Answer(Result.TEMPORARY, f"The receiver is busy ({status}).", retry_after=heard.asked_seconds)
    if status >= 500:
        return Answer(Result.TEMPORARY, f"The receiver is in trouble ({status}).")
    return Answer(Result.PERMANENT, f"The receiver refused it ({status}).")
