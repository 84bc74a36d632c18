"""The web server, started from code and stopped by us."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from django.conf import settings
from django.utils.module_loading import import_string

from workers.errors import StartFailed

GRACEFUL_SECONDS = 3


class WebServer(uvicorn.Server):
    """Uvicorn without its signal handlers: they would end the process before the workers have stopped."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def build_web_server() -> WebServer:
    """Return the server of the site; serve it on ``listen``'s sockets, stop it with ``should_exit``."""
    return WebServer(
        uvicorn.Config(
            import_string(settings.ASGI_APPLICATION),
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
    )


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to every address of ``host``. Raises ``StartFailed`` if the port is taken."""
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                sockets.append(opened.enter_context(_listening(family, address)))
            except OSError as error:
                # A machine may know ::1 by name and have no IPv6.
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and family == socket.AF_INET6:
                    continue
                raise StartFailed(
                    f"Port {port} of {host} cannot be used ({error.strerror}). Stop what listens there, "
                    "or set LISTEN_PORT and SITE_ROOT to another."
                ) from None
        opened.pop_all()
        return sockets


def _listening(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        # Two processes may bind a port; only one may listen, so that is what tells.
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound
