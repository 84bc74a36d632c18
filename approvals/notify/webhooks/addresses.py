"""Which receivers are told of what, and which addresses on the network they may have."""

from __future__ import annotations

import ipaddress
import socket

from accounts.models import Person
from approvals.models import StoppedWebhook
from approvals.notify.contracts import Place
from approvals.notify.webhooks.settings import receivers

# What machines in a cloud learn their credentials from. Azure's and Alibaba's are not link-local.
_METADATA = {
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200")
}


def address_of(person: Person) -> str:
    """Return nothing: receivers are programs."""
    return ""


def places_of(namespace: str, policy: str) -> list[Place]:
    """Return the receivers that are told of requests in ``namespace``, but those that have said that they are gone."""
    found = [one for one in receivers().values() if one.is_told_of(namespace)]
    stopped = set(StoppedWebhook.objects.values_list("name", flat=True)) if found else set()
    return [Place(one.name, f"Webhook {one.name}", one.events) for one in found if one.name not in stopped]


def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of ``host``, each once. Raises ``OSError`` or ``UnicodeError`` if it has none."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether a webhook may go to the IP address ``text``; to one inside this network only with ``allow_private``.

    Link-local and metadata addresses are never allowed.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return allow_private
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    # An IPv4 address in one of the ways into IPv6 may be any; the rest is nobody's.
    if address.is_reserved or getattr(address, "sixtofour", None) or getattr(address, "teredo", None):
        return False
    return address.is_global or allow_private
