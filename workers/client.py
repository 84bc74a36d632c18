"""The connection to Temporal, from settings.

``connect`` makes the one connection of a process. A second client with plugins shares it:
guarded workflows and activities run on that one, everything else on the plain one. All of them encrypt
what they send, each namespace with its own ring, unless ``PAYLOAD_ENCRYPTION`` says otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from temporalio.client import Client, Plugin
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from tenuo.temporal_plugin import TenuoTemporalPlugin

from workers.codec.converter import ClientOptions, client_options
from workers.codec.errors import RingUnavailable
from workers.errors import StartFailed
from workers.nexus.exchange import exchanges_of
from workers.rings import process_rings


@dataclass(frozen=True)
class Clients:
    """``plain`` carries signals, reports and model calls; ``guarded`` has the two plugins."""

    plain: Client
    guarded: Client
    tenuo_plugin: TenuoTemporalPlugin


class NoSharedClients(RuntimeError):
    """This process has no connection to Temporal (yet)."""


_shared: list[Clients] = []


async def connect(*, address: str = "", timeout_seconds: float = 10) -> Client:
    """Return a client without plugins for ``address``, or for ``TEMPORAL_ADDRESS``.

    Raises ``RuntimeError`` (from temporalio) when no server answers, ``StartFailed`` if the namespace has no ring.
    """
    await require_ring(settings.TEMPORAL_NAMESPACE)
    return await connect_without_rings(address=address, timeout_seconds=timeout_seconds)


async def connect_without_rings(*, address: str = "", timeout_seconds: float = 10) -> Client:
    """Return what ``connect`` does, also where keys are yet to be made: until then it sends no payloads."""
    namespace = settings.TEMPORAL_NAMESPACE
    return await Client.connect(
        address or settings.TEMPORAL_ADDRESS,
        namespace=namespace,
        tls=settings.TEMPORAL_TLS,
        api_key=settings.TEMPORAL_API_KEY or None,
        connect_timeout=timedelta(seconds=timeout_seconds),
        runtime=_runtime(),
        **options_for(namespace),
    )


async def require_ring(namespace: str) -> None:
    """Raise ``StartFailed`` if what is sent in ``namespace`` is to be encrypted, and cannot be."""
    if not is_encrypted(namespace):
        return
    try:
        await process_rings.ring(namespace)
    except RingUnavailable as error:
        raise StartFailed(f"{error} Is the database running, and was manage.py setup run?") from error


def is_encrypted(namespace: str) -> bool:
    """Whether what this application sends in ``namespace`` is encrypted."""
    return _mode(namespace) != "off"


def options_for(namespace: str, *, refuses_plaintext: bool = False) -> ClientOptions:
    """Return how a client in ``namespace`` converts what it sends, as ``PAYLOAD_ENCRYPTION`` says.

    With ``refuses_plaintext`` it is as strict as "required", unless encryption is off.
    """
    mode = "required" if refuses_plaintext and is_encrypted(namespace) else _mode(namespace)
    return client_options(
        process_rings,
        namespace,
        exchanges=exchanges_of(namespace),
        refuses_plaintext=mode == "required",
        seals=mode != "off",
    )


def encrypted(client: Client) -> Client:
    """Return a client on the same connection that encrypts as the application's own does."""
    return in_namespace(client, client.namespace)


def _mode(namespace: str) -> str:
    modes: dict[str, str] = settings.PAYLOAD_ENCRYPTION
    is_off = any(listed.name == namespace and not listed.encrypted for listed in settings.NAMESPACES)
    return modes.get(namespace, "off" if is_off else modes[""])


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    """Return the SDK's runtime, whose warnings go where ours go.

    By default its core writes to standard output from its own threads: a reader that falls asleep would stop every
    worker of the process.
    """
    core = logging.getLogger("temporalio.core")
    core.addFilter(_is_news)
    level = TelemetryFilter(core_level="WARN", other_level="ERROR")
    forwarding = LogForwardingConfig(logger=core, append_target_to_name=False)
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=level, forwarding=forwarding)))


def _is_news(record: logging.LogRecord) -> bool:
    # A run that closes while its outcome is being reported hands the report on; that it was both is harmless.
    return "Activity not found on completion" not in record.getMessage()


def with_plugins(client: Client, plugins: Sequence[Plugin]) -> Client:
    """Return a client with ``plugins`` on the same connection. The earlier plugin is the outer one."""
    config = client.config()
    config["plugins"] = list(plugins)
    return Client(**config)


def in_namespace(client: Client, namespace: str) -> Client:
    """Return a client for another namespace on the same connection, with that namespace's ring."""
    config = client.config()
    config["namespace"] = namespace
    config.update(options_for(namespace))
    return Client(**config)


def set_shared(clients: Clients | None, *others: Clients) -> None:
    """Make ``clients``, and those of other namespaces, the ones of this process; ``None`` takes them away."""
    _shared[:] = [clients, *others] if clients else []


def shared(namespace: str = "") -> Clients:
    """Return this process's clients, those of ``namespace`` if it is given. Raises ``NoSharedClients``."""
    if not _shared:
        raise NoSharedClients("This process is not connected to Temporal. Start it with: manage.py serve")
    for clients in _shared:
        if namespace in ("", clients.plain.namespace):
            return clients
    raise NoSharedClients(f"This process does not serve the namespace {namespace!r}. See NAMESPACES_FILE.")
