"""Reading minted warrants."""

from __future__ import annotations

from warrants.errors import UnknownWarrant
from warrants.minting.contracts import MintedWarrant
from warrants.models import Warrant


def minted(warrant_id: str) -> MintedWarrant:
    """Return a warrant that was minted here. Raises ``UnknownWarrant``."""
    row = Warrant.objects.select_related("agent").filter(pk=warrant_id).first()
    if row is None:
        raise UnknownWarrant
    return as_minted(row)


def as_minted(row: Warrant) -> MintedWarrant:
    return MintedWarrant(
        id=row.id, chain=[bytes(row.data)], key_id=row.agent.key_id, expires_at=int(row.expires_at.timestamp())
    )
