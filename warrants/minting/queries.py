"""Reading minted warrants."""

from __future__ import annotations

import logging
from collections.abc import Set

import tenuo_core
from django.utils import timezone

from audit.models import LedgerEntry
from audit.statements.acting import acting_of
from audit.statements.delegation import approvers
from audit.statements.kinds import EntryKind
from audit.statements.terms import terms_of
from warrants.errors import UnknownWarrant
from warrants.minting.checks import barred_people
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.models import Delegation, Warrant
from warrants.policies.rules import SHORTEST_LIFETIME

logger = logging.getLogger(__name__)

# What is told of a warrant before anything is done under it.
_MINTING = (EntryKind.WARRANT_MINTED, EntryKind.WARRANT_ATTENUATED)


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


def waiting_for(incident: Incident, *, agent: str) -> MintedWarrant | None:
    """Return the newest warrant that somebody had minted for ``agent`` and this very incident before it came, or None.

    It is live, for the incident's namespace, and nothing was done under it yet. One that does not fit the incident is
    left where it is, and the log says why. Raises ``InvalidIncident``.
    """
    rows = Warrant.objects.select_related("agent", "delegation").filter(
        incident_id=incident.id, namespace=incident.namespace, agent__name=agent, revocation=None
    )
    barred = set(barred_people(incident))
    for row in rows.order_by("-issued_at", "-id"):
        warrant = as_minted(row)
        if warrant.expires_at <= timezone.now().timestamp():
            continue
        if misfit := _misfit(row, warrant, incident, barred):
            logger.warning("The warrant %s, minted for %s, is not used: %s", row.id, incident.id, misfit)
            continue
        return warrant
    return None


def _misfit(row: Warrant, warrant: MintedWarrant, incident: Incident, barred: set[str]) -> str:
    """Return why the agent cannot work on ``incident`` under a live warrant, as a sentence; empty if it can.

    ``barred`` are the people who must not approve, as a warrant has them.
    """
    chain = [tenuo_core.Warrant.from_bytes(data) for data in warrant.chain]
    acting = acting_of(chain)
    if warrant.expires_at <= timezone.now().timestamp() + SHORTEST_LIFETIME:
        return "it ends within a minute."
    if LedgerEntry.objects.filter(chain=row.id).exclude(kind__in=_MINTING).exists():
        return "something was done under it already."
    if bytes(chain[-1].authorized_holder.to_bytes()) != bytes(row.agent.public_key):
        return "whoever is to hand it to the agent has not done so."
    if (row.severity, row.service) != (incident.severity, incident.service):
        return f"it is for {row.severity} and {row.service}, not for {incident.severity} and {incident.service}."
    if not barred <= set(terms_of(chain).barred_people):
        return "the alert names people who must not approve, and it lets them."
    if (acting.person if acting else "") != incident.acting_for:
        return "the agent works with the authority of somebody else, or of nobody, under it."
    return ""


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
