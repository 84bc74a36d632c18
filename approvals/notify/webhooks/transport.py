"""Handing a webhook to its receiver, and what that answers. Never raises for what a receiver does, and ends in time.

The addresses of the host are looked up once, judged, and connected to: no second look-up can bring another. The
certificate must be the host's all the same.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus

import anyio.to_thread
import httpx
from django.utils import timezone

from approvals.models import StoppedWebhook
from approvals.notify.contracts import Answer, Job, Result
from approvals.notify.webhooks import wording
from approvals.notify.webhooks.addresses import is_allowed, look_up
from approvals.notify.webhooks.resting import Resting
from approvals.notify.webhooks.settings import Receiver, receivers
from approvals.notify.webhooks.signing import headers
from audit.streaming.https import retry_after_seconds, why_unreachable

# For looking up, connecting, sending and the answer together, also from a receiver that drips.
SECONDS = 10.0
CONNECT_SECONDS = 4.0
# A host may have many; the first ones are tried.
MOST_ADDRESSES = 3
_FOR_NOW = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
resting = Resting()


@dataclass(frozen=True, slots=True)
class _Post:
    receiver: Receiver
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Heard:
    status: int
    asked_seconds: float  # for which the receiver wants to be left alone


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
    return _send(_Post(receiver, wording.message_id(job), wording.body(job.notice)))


def send_test(receiver: Receiver) -> Answer:
    """Send a test now. A receiver that takes it has come back, if it was gone."""
    answer = _send(_Post(receiver, f"msg_test_{time.time_ns()}", wording.test_body(receiver.name)))
    if answer.result is Result.SENT:
        StoppedWebhook.objects.filter(name=receiver.name).delete()
    return answer


def _send(post: _Post) -> Answer:
    heard, name = asyncio.run(_within_time(post)), post.receiver.name
    answer = heard if isinstance(heard, Answer) else _judge(name, heard)
    if answer.result in (Result.TEMPORARY, Result.UNANSWERED):
        resting.failed(name, asked_seconds=answer.retry_after)
    else:
        resting.answered(name)
    return answer


async def _within_time(post: _Post) -> _Heard | Answer:
    try:
        async with asyncio.timeout(SECONDS):
            return await _deliver(post)
    except TimeoutError:
        said = f"The receiver did not say within {SECONDS:g} seconds whether it took it."
        return Answer(Result.UNANSWERED, said)


async def _deliver(post: _Post) -> _Heard | Answer:
    url = httpx.URL(post.receiver.url)
    try:
        # Nothing bounds a look-up but its thread's being left behind.
        found = await anyio.to_thread.run_sync(look_up, url.host, url.port or 443, abandon_on_cancel=True)
    except (OSError, UnicodeError):
        return Answer(Result.TEMPORARY, "The receiver's host is not known.")
    if not found or not all(is_allowed(one, allow_private=post.receiver.allow_private) for one in found):
        said = "The receiver's host has an address that is not allowed: see allow_private in docs/webhooks.md."
        return Answer(Result.PERMANENT, said)
    answer = Answer(Result.TEMPORARY, "The receiver cannot be reached.")
    for address in found[:MOST_ADDRESSES]:
        try:
            return await _post(post, url, address)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            answer = Answer(Result.TEMPORARY, f"The receiver cannot be reached: {why_unreachable(error)}.")
        except (httpx.HTTPError, ssl.SSLError) as error:
            said = f"The receiver did not say whether it took it: {why_unreachable(error)}."
            return Answer(Result.UNANSWERED, said)
    return answer


async def _post(post: _Post, url: httpx.URL, address: str) -> _Heard:
    signed = headers(
        message_id=post.message_id, seconds=int(time.time()), body=post.body, secrets=post.receiver.secrets
    )
    sent = {
        "host": url.netloc.decode("ascii"),
        "content-type": "application/json",
        "user-agent": "Countersign",
        **signed,
    }
    async with (
        httpx.AsyncClient(
            verify=ssl.create_default_context(),
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        ) as client,
        # What it says beside its status is not read: it may be anything, and of any length.
        client.stream(
            "POST",
            url.copy_with(host=address),
            content=post.body,
            headers=sent,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        ) as response,
    ):
        asked = retry_after_seconds(response.headers.get("retry-after", ""))
        return _Heard(response.status_code, asked or 0.0)


def _judge(name: str, heard: _Heard) -> Answer:
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
