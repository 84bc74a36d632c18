"""Which warrants are live, what was taken back, and which workers know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone

from accounts.roles.queries import Reach
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from warrants.errors import AgentStopped, NamespaceStopped
from warrants.lineage.queries import Lineage, lineages
from warrants.models import ListConfirmation, MintingStop, Revocation, RevocationList, Warrant
from warrants.revocation.contracts import Aim, Scope

EVERYWHERE = Reach(True, frozenset())
IN_TIME = timedelta(seconds=2)
# Workers say every ten seconds that they are there; see workers.revocation.
SILENT_AFTER = timedelta(seconds=30)
# No warrant lives for longer than a day: what a worker held before that matters no more.
_FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LiveWarrant:
    """A live warrant, with how many calls ran and how many were refused under it so far, and what came of it."""

    warrant: Warrant
    lineage: Lineage
    allowed: int
    denied: int


@dataclass(frozen=True, slots=True)
class RevocationAct:
    """One signed list, and the warrants that it is the first to name."""

    signed: RevocationList
    revocations: list[Revocation]

    @property
    def first(self) -> Revocation:
        return self.revocations[0]


@dataclass(frozen=True, slots=True)
class WorkerStanding:
    """What one worker process confirmed, and whether it ``lags`` behind the newest list or ``is_silent``."""

    held: ListConfirmation
    lags: bool
    is_silent: bool

    @property
    def is_late(self) -> bool:
        return self.lags or self.is_silent


def live(aim: Aim | None = None) -> QuerySet[Warrant]:
    """Return the warrants that have neither expired nor been taken back, the next to expire first."""
    found = Warrant.objects.filter(expires_at__gt=timezone.now(), revocation=None).order_by("expires_at", "id")
    if aim is not None and not aim.name.isprintable():
        return found.none()  # PostgreSQL refuses to look for some of what is not printable
    match aim:
        case None:
            return found
        case Aim(Scope.WARRANT, name):
            return found.filter(pk=name)
        case Aim(Scope.AGENT, name):
            return found.filter(agent__name=name)
        case Aim(Scope.POLICY, name, int(number)):
            return found.filter(policy_name=name, policy_version=number)
        case Aim(Scope.POLICY):
            return found.none()
        case Aim(Scope.ISSUER, name):
            return found.filter(issuer__name=name)
        case Aim(_, name):
            return found.filter(namespace=name)


def live_warrants(*, within: Reach = EVERYWHERE) -> list[LiveWarrant]:
    """Return the live warrants of the namespaces ``within``, with the calls that the ledger has of each."""
    found = list(_within(live().select_related("agent", "issuer"), "namespace", within))
    kinds = (EntryKind.CALL_ALLOWED, EntryKind.CALL_DENIED)
    entries = LedgerEntry.objects.filter(chain__in=[one.pk for one in found], kind__in=kinds)
    counted = entries.order_by().values_list("chain", "kind").annotate(Count("pk"))
    counts = {(chain, kind): count for chain, kind, count in counted}
    known = lineages(found)
    return [LiveWarrant(one, known[one.pk], *(counts.get((one.pk, kind.value), 0) for kind in kinds)) for one in found]


def live_warrant(warrant_id: str) -> Warrant | None:
    return live(Aim(Scope.WARRANT, warrant_id)).first()


def acts(*, within: Reach = EVERYWHERE, limit: int = 100) -> list[RevocationAct]:
    """Return the newest acts that took a warrant of the namespaces ``within`` back, newest first."""
    seen = _within(Revocation.objects.select_related("warrant", "warrant__agent"), "warrant__namespace", within)
    lists = RevocationList.objects.filter(revocations__in=seen).distinct().order_by("-version")[:limit]
    return [
        RevocationAct(one, one.seen)
        for one in lists.prefetch_related(Prefetch("revocations", seen, to_attr="seen")).defer("data")
    ]


def stops(*, within: Reach = EVERYWHERE) -> QuerySet[MintingStop]:
    """Return the stops in force: of the namespaces ``within``, and of all agents, which are in no namespace."""
    found = MintingStop.objects.filter(lifted_at=None)
    return found if within.everywhere else found.filter(Q(scope=Scope.AGENT) | Q(name__in=within.namespaces))


def require_open(*, namespace: str, agent: str) -> None:
    """Raise ``NamespaceStopped`` or ``AgentStopped`` if nothing may be minted now. Ask under ``lock_issuer``."""
    for stop in stops().filter(Q(scope=Scope.NAMESPACE, name=namespace) | Q(scope=Scope.AGENT, name=agent)):
        if stop.scope == Scope.AGENT:
            raise AgentStopped(agent=agent, by=stop.stopped_by)
        raise NamespaceStopped(namespace=namespace, by=stop.stopped_by)


def newest_list() -> RevocationList | None:
    return RevocationList.objects.order_by("-version").defer("data").first()


def workers(*, within: Reach = EVERYWHERE) -> list[WorkerStanding]:
    """Return what every worker of the namespaces ``within`` holds, those that are late first.

    A worker that stopped in order is forgotten at once, one that was killed after a day.
    """
    newest, now = newest_list(), timezone.now()
    rows = _within(ListConfirmation.objects.filter(seen_at__gt=now - _FORGOTTEN_AFTER), "namespace", within)
    standings = [_standing(row, newest, now) for row in rows]
    return sorted(standings, key=lambda one: (not one.is_late, one.held.namespace, one.held.worker))


def late(standings: Iterable[WorkerStanding]) -> list[WorkerStanding]:
    return [one for one in standings if one.is_late]


def _standing(row: ListConfirmation, newest: RevocationList | None, now: datetime) -> WorkerStanding:
    lags = newest is not None and row.version < newest.version and now - newest.signed_at > IN_TIME
    return WorkerStanding(row, lags=lags, is_silent=now - row.seen_at > SILENT_AFTER)


def _within(rows: QuerySet, field: str, within: Reach) -> QuerySet:
    return rows if within.everywhere else rows.filter(**{f"{field}__in": within.namespaces})
