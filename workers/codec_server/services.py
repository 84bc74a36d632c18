"""Decoding and encoding payloads for people. What cannot be recorded is not given out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.db import DatabaseError, transaction
from temporalio.api.common.v1 import Payload

from accounts.models import Person
from audit.custody import CustodyError
from audit.keys.contracts import ServiceKeyMissing
from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.services import append
from audit.rings.queries import NoRing, ring_of
from audit.sealing import Ring, SealingError
from audit.statements.kinds import EntryKind
from workers.codec.codec import ENCODING, KEY_FIELD, WORKFLOW_FIELD, PayloadEncryption
from workers.codec.exchanges import Exchanges
from workers.codec.rings import FixedRings
from workers.codec_server.errors import KeysUnavailable, NotRecorded, UnknownNamespace, UnreadablePayload
from workers.nexus.exchange import exchanges_of

logger = logging.getLogger(__name__)

# One field's payloads come from one or two workflows. An entry has room for so many of the longest ids.
MAXIMUM_WORKFLOWS = 50


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and through what: the name of a token, or nothing for a browser's session."""

    person: Person
    token: str = ""


def decode(*, caller: Caller, namespace: str, payloads: Sequence[Payload]) -> list[Payload]:
    """Return ``payloads``, opened with the ring of ``namespace``, once the ledger says who read them.

    Or with that of a Nexus endpoint which the namespace is one side of.

    What is not encrypted passes, and is no news to anybody. Raises ``UnknownNamespace``, ``UnreadablePayload``,
    ``KeysUnavailable`` and ``NotRecorded``.
    """
    opened = async_to_sync(_opened)(_codec(namespace), payloads)
    sealed = [payload for payload in payloads if payload.metadata.get("encoding") == ENCODING]
    _record(EntryKind.PAYLOAD_DECODED, caller=caller, namespace=namespace, sealed=sealed)
    return opened


def encode(*, caller: Caller, namespace: str, payloads: Sequence[Payload]) -> list[Payload]:
    """Return ``payloads``, sealed with the ring of ``namespace``, once the ledger says who made them.

    Raises ``UnknownNamespace``, ``KeysUnavailable`` and ``NotRecorded``.
    """
    sealed = async_to_sync(_codec(namespace).encode)(payloads)
    _record(EntryKind.PAYLOAD_ENCODED, caller=caller, namespace=namespace, sealed=sealed)
    return sealed


def _codec(namespace: str) -> PayloadEncryption:
    exchanges = exchanges_of(namespace)
    try:
        rings = FixedRings(ring_of(namespace), *_exchange_rings(exchanges))
        return PayloadEncryption(rings, namespace, exchanges=exchanges)
    except NoRing:
        raise UnknownNamespace(namespace=namespace) from None
    except CustodyError as error:
        logger.error("The ring of namespace %r cannot be opened: %s", namespace, error)
        raise KeysUnavailable(namespace=namespace) from None


def _exchange_rings(exchanges: Exchanges) -> Iterator[Ring]:
    for name in exchanges.names:
        # One that nobody has set up yet has sealed nothing.
        with suppress(NoRing):
            yield ring_of(name)


async def _opened(codec: PayloadEncryption, payloads: Sequence[Payload]) -> list[Payload]:
    opened: list[Payload] = []
    for position, payload in enumerate(payloads):
        try:
            opened += await codec.decode([payload])
        except SealingError:
            # Which of its reasons it was would tell a stranger's ciphertext from a damaged one.
            raise UnreadablePayload(position=position, namespace=codec.namespace) from None
    return opened


def _workflows(sealed: Sequence[Payload]) -> list[str]:
    return sorted({payload.metadata.get(WORKFLOW_FIELD, b"").decode() for payload in sealed} - {""})[:MAXIMUM_WORKFLOWS]


def _record(kind: EntryKind, *, caller: Caller, namespace: str, sealed: Sequence[Payload]) -> None:
    """Append one entry for all of ``sealed``: SHA-256 of each ciphertext finds it in a history, and says nothing of it.

    Raises ``NotRecorded``.
    """
    if not sealed:
        return
    details = {
        "digests": [hashlib.sha256(payload.data).digest() for payload in sealed],
        "keys": sorted({payload.metadata[KEY_FIELD].decode() for payload in sealed}),
        "namespace": namespace,
        "payloads": len(sealed),
        "person": caller.person.external_id,
        "token": caller.token,
        "workflows": _workflows(sealed),
    }
    chain = namespace_chain(Subject.PAYLOADS, namespace)
    try:
        with transaction.atomic():
            append(chain=chain, kind=kind, details=details, label=f"payloads of {namespace}"[:200], namespace=namespace)
    except (DatabaseError, CustodyError, ServiceKeyMissing) as error:
        logger.error("Nothing of namespace %r was decoded, because it could not be recorded: %s", namespace, error)
        raise NotRecorded from None
