"""How a page's request is handled: all of it in one thread, in one hop.

Under Django's own ASGI handler every synchronous middleware is a hop to a thread and back, and every
request gets a thread and a database connection of its own. All our views but one are synchronous, so
the whole of a request runs in one of a few threads that live as long as the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponseBase
from django.urls import set_script_prefix

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class SiteHandler(ASGIHandler):
    """Django's ASGI handler with its middleware loaded synchronously."""

    def __init__(self) -> None:
        super().__init__()
        threads = ThreadPoolExecutor(settings.WEB_THREADS, thread_name_prefix="web")
        self._in_thread = sync_to_async(self._respond, thread_sensitive=False, executor=threads)

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            http_request, refusal = self.create_request(scope, body)
            response = refusal if http_request is None else await self._in_thread(http_request)
            if response is not None and response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)  # type: ignore[arg-type]

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send what is made while it is sent, for as long as the client is there."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    def _respond(self, http_request: ASGIRequest) -> HttpResponseBase:
        set_script_prefix("/")
        signals.request_started.send(sender=self.__class__, scope=http_request.scope)
        response = self.get_response(http_request)
        # Closing ends the request's use of the database, which must happen in this thread.
        response.close()
        return response
