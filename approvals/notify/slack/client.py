"""Slack's own client, so that a call ends in time, follows no redirect and reads no endless answer."""

from __future__ import annotations

import json
import logging
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from django.conf import settings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

OK = 200
SECONDS = 10.0
MAXIMUM_ANSWER = 1024 * 1024
_CODE = re.compile(r"[a-z_]{1,60}")
HOOKS = "https://hooks.slack.com"
# What may be raised by a call whose answer did not come, or was none.
NO_ANSWER = (OSError, HTTPException, ValueError, UnicodeError)

# The SDK writes whole messages, at DEBUG with what is in them.
_silent = logging.getLogger(f"{__name__}.sdk")
_silent.setLevel(logging.CRITICAL)


class BoundedClient(WebClient):
    """Raises one of ``NO_ANSWER`` where no answer came that is one of Slack's."""

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        with _opened(req) as answer:
            status, headers, body = answer.status, answer.headers, _read(answer)
        if status == OK:
            _require_object(body)
        return {"status": status, "headers": headers, "body": body.decode("utf-8", "replace")}


def client() -> WebClient:
    """Return a client of the workspace. It does not try again: the outbox does."""
    return BoundedClient(
        settings.SLACK_BOT_TOKEN, base_url=settings.SLACK_API_URL, logger=_silent, retry_handlers=[], timeout=10
    )


def is_slack(url: str) -> bool:
    """Whether ``url`` is one of Slack's own, where answers to commands go."""
    try:
        parts, api = urlsplit(url), urlsplit(settings.SLACK_API_URL)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" in (HOOKS, f"{api.scheme}://{api.netloc}")


def respond(url: str, message: dict[str, Any]) -> None:
    """Send ``message`` to the ``response_url`` of a command. Raises one of ``NO_ANSWER``."""
    if not is_slack(url):
        raise ValueError("A response_url that is not Slack's.")
    headers = {"Content-Type": "application/json; charset=utf-8"}
    request = Request(url, data=json.dumps(message).encode(), headers=headers, method="POST")  # noqa: S310
    with _opened(request) as answer:
        if answer.status != OK:
            raise ValueError("Slack did not take the answer to a command.")


def never_left(error: BaseException) -> bool:
    """Whether there was nobody to take what was sent."""
    reason = error.reason if isinstance(error, URLError) else error
    return isinstance(reason, ConnectionRefusedError | socket.gaierror | ssl.SSLCertVerificationError)


def code_of(error: SlackApiError) -> str:
    """Return what Slack calls the trouble, or nothing: whatever else an answer says is not repeated."""
    data = getattr(error.response, "data", error.response)
    found = data.get("error") if isinstance(data, dict) else None
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""


def _read(answer: Any) -> bytes:
    data: bytes = answer.read(MAXIMUM_ANSWER + 1)
    if len(data) > MAXIMUM_ANSWER:
        raise ValueError("Slack's answer is too long.")
    return data


def _require_object(body: bytes) -> None:
    try:
        found = json.loads(body)
    except RecursionError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("An answer that is none of Slack's.")


@contextmanager
def _opened(request: Request) -> Iterator[Any]:
    """Send ``request`` and give what is answered, whatever its status.

    Hangs up when ``SECONDS`` are over: a socket's timeout bounds one silence only.
    """
    held: list[socket.socket] = []
    end = Timer(SECONDS, _hang_up, [held])
    end.daemon = True
    end.start()
    try:
        with _answer(build_opener(_NoRedirects, _OverPlain(held), _OverSecure(held)), request) as answer:
            yield answer
    finally:
        end.cancel()


def _answer(opener: OpenerDirector, request: Request) -> Any:
    try:
        return opener.open(request, timeout=SECONDS)
    except HTTPError as error:
        return error


def _hang_up(held: list[socket.socket]) -> None:
    for one in held:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class _Plain(HTTPConnection):
    def __init__(self, *args: Any, held: list[socket.socket], **options: Any) -> None:
        super().__init__(*args, **options)
        self._held = held

    def connect(self) -> None:
        super().connect()
        self._held.append(self.sock)


class _Secure(HTTPSConnection):
    def __init__(self, *args: Any, held: list[socket.socket], **options: Any) -> None:
        super().__init__(*args, **options)
        self._held = held

    def connect(self) -> None:
        super().connect()
        self._held.append(self.sock)


class _OverPlain(HTTPHandler):
    def __init__(self, held: list[socket.socket]) -> None:
        super().__init__()
        self._held = held

    def http_open(self, req: Request) -> Any:
        return self.do_open(partial(_Plain, held=self._held), req)


class _OverSecure(HTTPSHandler):
    def __init__(self, held: list[socket.socket]) -> None:
        super().__init__()
        self._held = held

    def https_open(self, req: Request) -> Any:
        return self.do_open(partial(_Secure, held=self._held), req, context=ssl.create_default_context())


class _NoRedirects(HTTPRedirectHandler):
    """The token goes to nobody else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
