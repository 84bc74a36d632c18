"""Handing a warrant on with a key of one's own: the agent's warrant, signed in its lead's browser."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import cbor2
import tenuo_core
from django.db import transaction
from django.utils import timezone

from accounts.endorsements.queries import endorsement_of
from accounts.keys.queries import active_keys
from accounts.models import Person
from audit.receipts.handed_on import record_signed
from audit.statements.key_endorsements import NotEndorsed
from warrants.delegation.queries import is_over
from warrants.errors import (
    AlreadySigned,
    AnotherWarrantSigned,
    InvalidDraft,
    NotASigner,
    NothingToSign,
    NotTheSigner,
)
from warrants.issuers.services import lock_issuer
from warrants.minting.contracts import MintedWarrant
from warrants.minting.extending import child_of, read_back
from warrants.minting.queries import as_minted
from warrants.models import Delegation
from warrants.revocation.queries import require_open

MAXIMUM_MINUTES = 24 * 60
_EXPIRES_AT = 7  # the payload's key, see Tenuo's warrant format


@transaction.atomic
def narrow(*, warrant_id: str, person: Person, tools: Collection[str], minutes: int | None) -> None:
    """Draft anew what ``person`` is to sign: with ``tools`` alone, ending in ``minutes`` (None: when the parent does).

    Raises ``InvalidDraft``, and what ``hand_on`` raises before it looks at a signature.
    """
    delegation = _lock(warrant_id, person)
    parent = tenuo_core.Warrant.from_bytes(bytes(delegation.warrant.data))
    unknown = sorted(set(tools) - set(parent.tools or ()))
    if unknown or not tools:
        sentence = f"The warrant has no tool {unknown[0][:100]!r}." if unknown else "Leave the agent at least one tool."
        raise InvalidDraft(sentence, field="tools")
    if minutes is not None and not 1 <= minutes <= MAXIMUM_MINUTES:
        raise InvalidDraft(f"The warrant lives for 1 to {MAXIMUM_MINUTES} whole minutes.", field="minutes")
    ends = timezone.now() + timedelta(minutes=minutes) if minutes else None
    delegation.draft = child_of(
        parent,
        holder=bytes(delegation.warrant.agent.public_key),
        tools=tools,
        expires_at=int(ends.timestamp()) if ends else None,
    )
    delegation.save(update_fields=["draft"])


@transaction.atomic
def hand_on(*, warrant_id: str, person: Person, signed: bytes) -> MintedWarrant:
    """Take the warrant that ``person`` signed in their browser: from now on its agent may act under it.

    1. It waits for this person, was not signed before, has not ended and was not taken back; its issuer is believed,
       and nobody stopped its namespace or its agent. Whoever takes it back or stops it now waits until this is done.
    2. The key that was named is still theirs: active, of an approver of the namespace, and endorsed.
    3. What was signed is the draft, byte for byte, by that key, and verifies from the warrant that was minted.

    Raises ``NotTheSigner``, ``AlreadySigned``, ``NothingToSign``, ``NamespaceStopped``, ``AgentStopped``,
    ``InvalidDraft``, ``NotASigner`` and ``AnotherWarrantSigned``; then nothing was written.
    """
    delegation = _lock(warrant_id, person)  # 1
    if _end(delegation) <= timezone.now():
        raise InvalidDraft("The time that you gave the agent is over. Give it more, and look again.", field="minutes")
    statements = _statements(delegation, person)  # 2
    try:  # 3
        leaf = read_back(signed)
        if bytes(leaf.payload_bytes) != bytes(delegation.draft):
            raise AnotherWarrantSigned
        chain = [bytes(delegation.warrant.data), signed]
        record_signed(
            delegation.pk,
            chain,
            person=person.external_id,
            key=bytes(delegation.key),
            key_endorsements=statements,
        )
    except ValueError as error:
        raise AnotherWarrantSigned from error
    delegation.leaf, delegation.expires_at, delegation.signed_at = signed, _end(delegation), timezone.now()
    delegation.save(update_fields=["leaf", "expires_at", "signed_at"])
    return as_minted(delegation.warrant)


def _lock(warrant_id: str, person: Person) -> Delegation:
    """Return the delegation that waits for ``person``, locked, and the issuer with it."""
    lock_issuer()
    waiting = Delegation.objects.select_for_update(of=("self",)).select_related(
        "warrant", "warrant__agent", "warrant__issuer"
    )
    delegation = waiting.filter(pk=warrant_id, person=person.external_id).first()
    if delegation is None:
        raise NotTheSigner
    if delegation.leaf is not None:
        raise AlreadySigned
    if is_over(delegation):
        raise NothingToSign
    require_open(namespace=delegation.warrant.namespace, agent=delegation.warrant.agent.name)
    return delegation


def _statements(delegation: Delegation, person: Person) -> list[bytes]:
    """Return the statements by which the key is ``person``'s, as an approver's. Raises ``NotASigner``."""
    key, namespace = bytes(delegation.key), delegation.warrant.namespace
    if not active_keys(namespace=namespace).filter(person=person, public_key=key).exists():
        raise NotASigner(namespace=namespace)
    try:
        endorsed = endorsement_of(key)
    except NotEndorsed as error:
        raise NotASigner(namespace=namespace) from error
    if endorsed.person != person.external_id:
        raise NotASigner(namespace=namespace)
    return list(endorsed.statements)


def _end(delegation: Delegation) -> datetime:
    return datetime.fromtimestamp(cbor2.loads(bytes(delegation.draft))[_EXPIRES_AT], UTC)
