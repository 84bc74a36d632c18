"""Reading minted warrants."""

from __future__ import annotations

from collections.abc import Set

import tenuo_core
from django.utils import timezone

from audit.statements.delegation import approvers
from warrants.errors import UnknownWarrant
from warrants.minting.contracts import MintedWarrant
from warrants.models import Delegation, Warrant


def minted(warrant_id: str) -> MintedWarrant:
    """Return a warrant that was minted here. Raises ``UnknownWarrant``."""
    row = Warrant.objects.select_related("agent", "delegation").filter(pk=warrant_id).first()
    if row is None:
        raise UnknownWarrant
    return as_minted(row)


def minted_for(*, incident_id: str, policy: str) -> MintedWarrant | None:
    """Return the warrant that the installation minted for an incident under a policy and has not expired, or None.

    One that was taken back is returned as well: asking again must not mint another in its place. One that a person
    hands on is not: whoever asks here starts an agent with the root alone.
    """
    rows = Warrant.objects.select_related("agent").filter(incident_id=incident_id, policy_name=policy, delegation=None)
    row = rows.filter(expires_at__gt=timezone.now()).order_by("-issued_at").first()
    return as_minted(row) if row else None


def live_warrants_naming(public_keys: Set[bytes]) -> dict[bytes, list[Warrant]]:
    """Return, by key, the warrants that name it as an approver and have neither expired nor been taken back.

    The next to expire comes first. A warrant lives for a day at most, so that there are never many to read.
    """
    naming: dict[bytes, list[Warrant]] = {key: [] for key in public_keys}
    if not naming:
        return naming
    live = Warrant.objects.filter(expires_at__gt=timezone.now(), revocation=None).order_by("expires_at", "id")
    for warrant in live.iterator():
        for key in approvers(tenuo_core.Warrant.from_bytes(bytes(warrant.data))) & public_keys:
            naming[key].append(warrant)
    return naming


def as_minted(row: Warrant) -> MintedWarrant:
    delegation: Delegation | None = getattr(row, "delegation", None)
    leaf = delegation.leaf if delegation else None
    expires_at = (delegation.expires_at if delegation else None) or row.expires_at
    return MintedWarrant(
        id=row.id,
        chain=[bytes(row.data), *([bytes(leaf)] if leaf else [])],
        key_id=row.agent.key_id,
        expires_at=int(expires_at.timestamp()),
        namespace=row.namespace,
        waits_for=delegation.person if delegation and not leaf else "",
    )
