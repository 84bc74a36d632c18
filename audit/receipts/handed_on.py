"""Warrants that were handed on: each is told once, an agent's before the first call that was made with it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

import tenuo_core

from audit.ledger.queries import details_of
from audit.ledger.services import append
from audit.models import LedgerChain, LedgerEntry, RecordedWarrant
from audit.statements.attenuating import attenuation_of
from audit.statements.kinds import EntryKind
from audit.verify.steps import Refused
from audit.verify.trust import Roots
from audit.verify.warrants import Register

logger = logging.getLogger(__name__)


def record_handed_on(chain: str, warrant_chain: list[bytes]) -> None:
    """Append ``warrant.attenuated`` for every warrant below the root in ``warrant_chain`` that is new in ``chain``.

    Nothing is told of warrants that do not verify: a refused call may have come with any. Call it in the transaction
    of the call's own entry.
    """
    if len(warrant_chain) < 2:
        return
    # Two calls with the same new warrant come at once; whoever waits here finds it told.
    LedgerChain.objects.select_for_update().get(name=chain)
    told = _told(warrant_chain)
    if all(_digest(warrant) in told for warrant in warrant_chain[1:]):
        return
    for length, details in enumerate(_attenuations(chain, warrant_chain), start=2):
        digest = _digest(warrant_chain[length - 1])
        if digest not in told:
            entry = append(chain=chain, kind=EntryKind.WARRANT_ATTENUATED, details=details)
            RecordedWarrant.objects.create(digest=digest, entry=entry)


def record_signed(
    chain: str, warrant_chain: list[bytes], *, person: str, key: bytes, key_endorsements: Sequence[bytes]
) -> None:
    """Append ``warrant.attenuated`` for the last of ``warrant_chain``, which ``person`` handed on with their ``key``.

    ``key_endorsements`` are the statements by which it is theirs. Call it in the transaction that hands it on.
    Raises ``ValueError`` unless the chain verifies from the warrant that was minted here.
    """
    attenuations = _attenuations(chain, warrant_chain)
    if not attenuations:
        raise ValueError("The warrants do not verify from the one that was minted here.")
    entry = append(
        chain=chain,
        kind=EntryKind.WARRANT_ATTENUATED,
        details={**attenuations[-1], "person": person, "key": key, "key_endorsements": list(key_endorsements)},
    )
    RecordedWarrant.objects.create(digest=_digest(warrant_chain[-1]), entry=entry)


def _told(warrant_chain: list[bytes]) -> set[bytes]:
    digests = [_digest(warrant) for warrant in warrant_chain[1:]]
    found = RecordedWarrant.objects.filter(digest__in=digests).values_list("digest", flat=True)
    return {bytes(digest) for digest in found}


def _attenuations(chain: str, warrant_chain: list[bytes]) -> list[dict[str, object]]:
    """Return what to tell of each warrant below the root; nothing if they do not verify from the one minted here."""
    first = LedgerEntry.objects.get(chain=chain, sequence=1)
    if details_of(first)["warrant_chain"] != warrant_chain[:1]:
        return []
    try:
        issuer = bytes(tenuo_core.Warrant.from_bytes(warrant_chain[0]).issuer.to_bytes())
        warrants = Register(Roots.of([issuer.hex()]), chain).verified(warrant_chain).warrants
        return [attenuation_of(warrants[:length]) for length in range(2, len(warrants) + 1)]
    except (Refused, ValueError) as error:
        logger.info("A call in %s came with warrants that do not verify: %s", chain, error)
        return []


def _digest(warrant: bytes) -> bytes:
    return hashlib.sha256(warrant).digest()
