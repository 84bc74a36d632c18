"""The gateway as a process: settings read, port taken, served until it is told to stop."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from dataclasses import dataclass
from typing import NoReturn, Self
from urllib.parse import urlsplit

import grpc
from django.conf import settings

from workers.errors import StartFailed
from workers.gateway.audit_log import AuditLog
from workers.gateway.errors import KeysAway
from workers.gateway.front import Front
from workers.gateway.issuer_keys import IssuerKeys, read_keys
from workers.gateway.tokens import Tokens
from workers.gateway.upstream import MAXIMUM_ANSWER, MAXIMUM_REQUEST, Upstream
from workers.supervisor import Supervisor

logger = logging.getLogger(__name__)

# Calls under way get this long to end when the gateway stops; long polls do not, and their callers ask again.
# Temporal's SDKs do so for ten seconds, in which the next gateway has to be there.
GRACEFUL_SECONDS = 2
_OPTIONS = [
    # Two gateways on one port would be two sets of rules.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAXIMUM_REQUEST),
    ("grpc.max_send_message_length", MAXIMUM_ANSWER),
    # Temporal's clients ping more often than gRPC's servers like by default, which would cut their long polls.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


@dataclass(frozen=True)
class GatewaySettings:
    """What a gateway needs to know. PEM texts; ``audit_file`` empty for standard output."""

    listen: str
    upstream: str
    keys: str
    issuer: str
    audience: str
    upstream_tls: bool = False
    upstream_ca: str = ""
    certificate: str = ""
    private_key: str = ""
    client_ca: str = ""
    audit_file: str = ""

    @classmethod
    def from_settings(cls) -> Self:
        names = [*cls.__dataclass_fields__]
        return cls(**{name: getattr(settings, f"TEMPORAL_GATEWAY_{name.upper()}") for name in names})

    def check(self) -> None:
        """Raise ``StartFailed`` for what is missing or unsafe."""
        for name in ("upstream", "keys", "issuer", "audience"):
            if not getattr(self, name):
                raise StartFailed(f"Set TEMPORAL_GATEWAY_{name.upper()}: the gateway lets nobody in without it.")
        if bool(self.certificate) != bool(self.private_key):
            raise StartFailed("Set both TEMPORAL_GATEWAY_CERTIFICATE and TEMPORAL_GATEWAY_PRIVATE_KEY, or none.")
        if self.client_ca and not self.certificate:
            raise StartFailed("TEMPORAL_GATEWAY_CLIENT_CA needs TEMPORAL_GATEWAY_CERTIFICATE: mTLS is TLS.")
        if not self.certificate and not _is_loopback(f"//{self.listen}"):
            raise StartFailed(
                "Tokens may not cross a network in plain text: set TEMPORAL_GATEWAY_CERTIFICATE, or "
                "listen on 127.0.0.1."
            )
        if self.keys.startswith("http://") and not _is_loopback(self.keys):
            raise StartFailed(
                "TEMPORAL_GATEWAY_KEYS must be an https address, or a file: whoever changes them gets in."
            )


class Gateway:
    """Serves from ``start`` to ``stop``. ``port`` is the one it got."""

    def __init__(self, given: GatewaySettings) -> None:
        """Raises ``StartFailed``."""
        given.check()
        self._given = given
        self.port = 0

    async def start(self) -> None:
        """Raises ``StartFailed`` if the audit file, the keys or the port cannot be had."""
        given = self._given
        try:
            self._log = AuditLog(given.audit_file)
        except OSError as error:
            raise StartFailed(f"The audit log {given.audit_file} cannot be written ({error.strerror}).") from None
        self._check_keys()
        self._upstream = Upstream(given.upstream, credentials=_upstream_credentials(given))
        tokens = Tokens(keys=IssuerKeys(given.keys), issuer=given.issuer, audience=given.audience)
        self._front = Front(tokens=tokens, upstream=self._upstream, log=self._log)
        self._server = grpc.aio.server(handlers=[self._front], options=_OPTIONS)
        self.port = self._bind()
        await self._server.start()

    async def drain(self) -> None:
        """Pass no more calls on, let those under way end for a while, and tell all others to ask again."""
        self._front.close()
        await self._front.settle(GRACEFUL_SECONDS)
        self._front.hang_up()
        await self._front.settle()

    async def stop(self) -> None:
        """Drain and close. Calls that arrive while gRPC closes are cancelled by it; see ``leave``."""
        await self.drain()
        await self._server.stop(None)
        await self._front.settle()
        await self._upstream.close()
        self._log.close()

    def leave(self, code: int) -> NoReturn:
        """End the process at once, after ``drain``.

        What arrives while gRPC closes would be told that it is cancelled, and SDKs do not ask again then. They do when
        a connection breaks.
        """
        self._log.close()
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)

    def _check_keys(self) -> None:
        # An address may be away for a while; a file that cannot be read is a mistake.
        if not self._given.keys.startswith("http"):
            try:
                read_keys(self._given.keys)
            except KeysAway as error:
                raise StartFailed(str(error)) from None

    def _bind(self) -> int:
        try:
            credentials = _server_credentials(self._given)
            if credentials is None:
                return int(self._server.add_insecure_port(self._given.listen))
            return int(self._server.add_secure_port(self._given.listen, credentials))
        except RuntimeError:
            raise StartFailed(
                f"{self._given.listen} cannot be listened on. Stop what listens there, or set TEMPORAL_GATEWAY_LISTEN; "
                "and see that the certificate and its key belong together."
            ) from None


async def serve(given: GatewaySettings) -> NoReturn:
    """Serve until a signal, and end the process. Raises ``StartFailed``."""
    supervisor = Supervisor()
    supervisor.handle_signals()
    gateway = Gateway(given)
    await gateway.start()
    logger.info("The gateway listens on %s, in front of %s.", given.listen, given.upstream)
    code = await supervisor.wait()
    await gateway.drain()
    gateway.leave(code)


def _server_credentials(given: GatewaySettings) -> grpc.ServerCredentials | None:
    if not given.certificate:
        return None
    return grpc.ssl_server_credentials(
        [(given.private_key.encode(), given.certificate.encode())],
        root_certificates=given.client_ca.encode() or None,
        require_client_auth=bool(given.client_ca),
    )


def _upstream_credentials(given: GatewaySettings) -> grpc.ChannelCredentials | None:
    if not given.upstream_tls:
        return None
    return grpc.ssl_channel_credentials(root_certificates=given.upstream_ca.encode() or None)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
