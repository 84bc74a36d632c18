"""One message to one push service: within a bounded time, to a public address only, following no redirect."""

from __future__ import annotations

import ipaddress
import math
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Timer

from approvals.notify.contracts import Answer, Result
from approvals.notify.push.settings import Target

SECONDS = 10.0
_TAKEN = (200, 201, 202)
_GONE = (404, 410)
GONE = "its push service no longer knows it, so it is told no more"


class NotPublic(OSError):
    """The push service's name leads to an address that is no public one."""


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send ``body``; return what was answered. Never raises for what the other side does."""
    connection = _Connection(target)
    end = Timer(SECONDS, connection.hang_up)
    end.daemon = True
    end.start()
    try:
        connection.connect()
    except (OSError, ValueError) as error:
        end.cancel()
        connection.close()
        return Answer(Result.TEMPORARY, f"cannot be reached ({type(error).__name__})")
    try:
        connection.request("POST", target.path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return _answer(answer.status, answer.getheader("Retry-After", ""))
    except (OSError, HTTPException, ValueError) as error:
        return Answer(Result.UNANSWERED, f"did not say whether it took it ({type(error).__name__})")
    finally:
        end.cancel()
        connection.close()


def is_gone(answer: Answer) -> bool:
    return answer.text == GONE


def _answer(status: int, retry_after: str) -> Answer:
    if status in _TAKEN:
        return Answer(Result.SENT, f"taken ({status})")
    if status in _GONE:
        return Answer(Result.PERMANENT, GONE)
    if status == 429:
        return Answer(Result.TEMPORARY, "wants to be asked less often (429)", retry_after=_seconds(retry_after))
    if status >= 500:
        return Answer(Result.TEMPORARY, f"is in trouble ({status})", retry_after=_seconds(retry_after))
    return Answer(Result.PERMANENT, f"refused it ({status})")


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0


class _Connection(HTTPConnection):
    """Connects to the very address that was looked at: a name may lead elsewhere when it is asked again."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=SECONDS)
        self._target = target
        self._is_over = False

    def connect(self) -> None:
        self._hold(socket.create_connection((_address(self._target), self._target.port), SECONDS))
        if not self._target.is_own_machine:
            context = ssl.create_default_context()
            secure = context.wrap_socket(self.sock, server_hostname=self._target.host, do_handshake_on_connect=False)
            self._hold(secure)
            secure.do_handshake()

    def hang_up(self) -> None:
        # Whoever waits for a letter gets the end instead.
        self._is_over = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _hold(self, held: socket.socket) -> None:
        self.sock = held
        if self._is_over:
            raise TimeoutError


def _address(target: Target) -> str:
    found = [str(info[4][0]) for info in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)]
    if target.is_own_machine:
        return found[0]
    if not all(is_public(one) for one in found):
        raise NotPublic(f"{target.host} does not lead to a public address.")
    return found[0]


def is_public(address: str) -> bool:
    """Whether ``address`` is one on the internet, and none of this network's."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast
