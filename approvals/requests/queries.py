"""What the queue and the request page show. Read only; texts of agents are returned as they are."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from accounts.endorsements.queries import administrators, endorsed_keys
from accounts.keys.queries import active_keys
from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach, has_role, reach
from approvals.arguments import as_lines
from approvals.claims.queries import StandingClaim, claimers, standing_claim
from approvals.contracts import DecisionKind, RequestState
from approvals.decisions import slow
from approvals.decisions.slow import SlowTerms
from approvals.errors import BARRED, UnknownRequest
from approvals.looking.queries import Looker, lookers, others_looking
from approvals.models import ApprovalRequest, Decision, RequiredApprover, Retraction
from approvals.requests import urgency
from approvals.requests.again import EarlierRequest, LapsedApproval, earlier_requests, split
from approvals.requests.chain import WarrantChain, parse
from approvals.requests.content import content_reach, opened_target
from approvals.requests.shown import binding_of, display_of
from approvals.requests.steps import Step, steps_of
from approvals.requests.superseding import ANOTHER_RUN
from approvals.signing import denial as denials

CARDS_SHOWN = 30


class QueueFilter(StrEnum):
    """Which requests the queue shows."""

    WAITING = "waiting"
    MINE = "mine"  # waiting, and one of my keys is asked for
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who has approved or denied so far, and when."""

    kind: str  # DecisionKind
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RequestCard:
    """One line of the queue. ``tool``, ``target``, ``agent`` and ``service`` may come from an agent.

    ``target`` is empty for whoever may not see content, and where it is ``unreadable``.
    """

    id: str
    tool: str
    target: str
    unreadable: bool  # what is stored does not open: it was changed, or its key is missing
    agent: str
    acting_for: str  # with whose authority it works, or empty
    severity: str
    severity_rank: int  # 0 is the most urgent
    service: str
    namespace: str
    state: str  # RequestState; "expired" as soon as the time is over
    opened_at: datetime
    expires_at: datetime
    approvals_given: int
    approvals_needed: int
    earlier_denials: int
    asked_again: bool  # about a call that people were asked about before
    looker: str  # one of those who have it open, or empty
    lookers: int
    decided: tuple[Deciding, ...]  # while it waits for more; then the page tells
    looking_since: datetime | None  # of that one
    claimer: str  # who works on it, or empty
    claimed_at: datetime | None
    claimed_until: datetime | None

    @property
    def others_looking(self) -> int:
        return self.lookers - 1

    @property
    def url(self) -> str:
        return reverse("approvals:request", args=[self.id])


@dataclass(frozen=True, slots=True)
class Queue:
    """What the list shows: one page of at most ``CARDS_SHOWN`` cards."""

    cards: list[RequestCard]
    total: int  # that the filter and the search find
    waiting: int  # that wait for anybody
    show: str  # QueueFilter
    query: str
    page: int  # from 1
    namespace: str  # the one that is shown, or empty for all
    namespaces: tuple[str, ...]  # to choose from, if there are several

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // CARDS_SHOWN))


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An earlier call of the same run. Everything but ``verdict`` and ``at`` comes from the agent."""

    tool: str
    verdict: str  # CallVerdict
    at: datetime
    code: str
    detail: str
    arguments: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DecisionLine:
    kind: str  # DecisionKind
    person: str
    key_short: str
    at: datetime
    reason: str
    step_up_method: str
    stepped_up_at: datetime | None
    retracted_at: datetime | None  # its person took it back
    proposed: list[tuple[str, str]]  # the arguments that a denial proposes instead
    may_retract: bool  # whoever looks may take it back
    nonce: str  # hexadecimal


@dataclass(frozen=True, slots=True)
class RequestPage:
    """All that a person sees of a request. With ``hides_content`` the fields of the agent's content are empty.

    That is also so if the content is gone: ``erased_at`` says since when.
    """

    card: RequestCard
    hides_content: bool
    erased_at: datetime | None
    gate_message: str
    reasoning: str
    history: list[HistoryLine]
    decisions: list[DecisionLine]
    lapsed: list[LapsedApproval]  # given and run out while others had not signed yet
    why_again: str  # partly the agent's words; empty where a call is asked about for the first time
    is_another_run: bool  # then ``why_again`` is this service's own sentence
    earlier: list[EarlierRequest]
    superseded_by: str  # the id of the request that took over, or empty
    looking: list[Looker]  # the others who have it open
    claim: StandingClaim | None
    steps: list[Step]
    outcome_status: str  # OutcomeStatus, or empty
    outcome_detail: str
    result_text: str
    signing: dict[str, object]
    may_decide: bool
    why_not: str
    chain: str
    step_up_seconds: int | None
    still_possible: int  # how many more people can approve
    denials_to_end: int  # how many more denials end it; 0 if it has ended
    slow: SlowTerms | None

    @property
    def turns_in(self) -> int | None:
        """In how many seconds the page changes by itself, because a step will have taken too long; None if it won't."""
        times = [step.turns_at for step in self.steps if step.turns_at is not None]
        return max(1, math.ceil((min(times) - timezone.now()).total_seconds())) if times else None

    @property
    def is_stuck(self) -> bool:
        return any(step.state == "stuck" for step in self.steps)


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A request that is not over, and the run that waits for it."""

    request_id: str
    namespace: str
    workflow_id: str
    run_id: str


_CARD_COLUMNS = (
    "id", "tool", "target", "namespace", "agent", "acting_for", "severity", "service", "state",
    "opened_at", "expires_at", "threshold", "earlier_denials", "why_again",
)  # fmt: skip
_PARTLY_DECIDED = {
    "is_partly_decided": Q(state=RequestState.OPEN)
    & Exists(Decision.objects.filter(approval_request=OuterRef("pk"), lapsed=False))
}
_CONTENT_COLUMNS = ("target", "why_again")
_NO_CONTENT: dict[str, Any] = {"target": ""}
# The request's page says who is there in other fields.
_NOBODY: dict[str, Any] = {
    "looker": "", "lookers": 0, "looking_since": None, "claimer": "", "claimed_at": None, "claimed_until": None,
}  # fmt: skip


def queue(
    *,
    person: Person,
    show: QueueFilter,
    query: str = "",
    page: int = 1,
    namespace: str = "",
    within: Reach | None = None,
) -> Queue:
    """Return one page of the queue: waiting requests most urgent first, past ones newest first.

    In one query, and one more if people have decided about what waits.

    ``within`` is where ``person`` is a viewer; it is looked up if it is not at hand. ``namespace`` narrows it down;
    empty for all of them.
    """
    now, content = timezone.now(), content_reach(person)
    within = reach(person, Role.VIEWER) if within is None else within
    seen = visible(person, within)
    waiting = _waiting(seen, now)
    is_whole = show is QueueFilter.WAITING and not query and not namespace
    chosen = seen.filter(namespace=namespace) if namespace else seen
    found = waiting if is_whole else _found(chosen, person, show, query, now)
    order = ("-opened_at", "-id") if show in (QueueFilter.CLOSED, QueueFilter.ALL) else ("urgency", "expires_at", "id")
    counts = {"total": _count(found)}
    if found is not waiting:
        counts["waiting"] = _count(waiting)
    first = (page - 1) * CARDS_SHOWN
    rows = list(
        found.order_by(*order).values(
            *_CARD_COLUMNS, given=approvals_given(now), **_PARTLY_DECIDED, **lookers(now), **claimers(now), **counts
        )[first : first + CARDS_SHOWN]
    )
    total = rows[0]["total"] if rows else found.count() if page > 1 else 0
    decided = _decided([row["id"] for row in rows if row["is_partly_decided"]])
    return Queue(
        cards=[_card(row, now, content, decided.get(row["id"], ())) for row in rows],
        total=total,
        waiting=rows[0].get("waiting", total) if rows else waiting.count(),
        show=show,
        query=query,
        page=page,
        namespace=namespace,
        namespaces=_choices(within),
    )


def request_card(*, person: Person, request_id: str, within: Reach | None = None) -> RequestCard:
    """Return one line of the queue. Raises ``UnknownRequest``."""
    now = timezone.now()
    found = visible(person, within).filter(pk=request_id)
    row = found.values(
        *_CARD_COLUMNS, given=approvals_given(now), **_PARTLY_DECIDED, **lookers(now), **claimers(now)
    ).first()
    if row is None:
        raise UnknownRequest
    decided = _decided([request_id]) if row["is_partly_decided"] else {}
    return _card(row, now, content_reach(person), decided.get(request_id, ()))


def request_page(*, person: Person, request_id: str, within: Reach | None = None) -> RequestPage:
    """Return all that ``person`` sees of a request.

    Raises ``UnknownRequest``, and ``SealingError`` or ``CustodyError`` if what is stored does not open.
    """
    row = visible(person, within).select_related("delivery").filter(pk=request_id).first()
    if row is None:
        raise UnknownRequest
    now = timezone.now()
    rows = list(row.decisions.select_related("retraction").order_by("pk"))
    decisions, lapsed = split(row, [one for one in rows if not hasattr(one, "retraction")], now)
    given = sum(decision.kind == DecisionKind.APPROVE for decision in decisions)
    content = content_reach(person)
    shows_content = row.namespace in content and row.erased_at is None
    columns = {name: getattr(row, name) for name in _CARD_COLUMNS if shows_content or name not in _CONTENT_COLUMNS}
    told = {**_NO_CONTENT, **columns, **_NOBODY, "given": given, "why_again": row.is_asked_again}
    card = _card(told, now, content)
    chain = parse(row.warrant_chain)
    why_not = _why_not(person, row, chain, card, decisions)
    is_open = card.state == RequestState.OPEN
    still_possible, denials_to_end = _possible(chain, decisions) if is_open else (0, 0)
    return RequestPage(
        card=card,
        hides_content=not shows_content,
        erased_at=row.erased_at,
        gate_message=row.gate_message if shows_content else "",
        reasoning=row.reasoning if shows_content else "",
        history=[_history_line(line) for line in row.history] if shows_content else [],
        decisions=[
            _decision_line(decision, shows_content, may_retract=is_open and decision.external_id == person.external_id)
            for decision in rows
            if decision in decisions or hasattr(decision, "retraction")
        ],
        claim=standing_claim(person=person, request_id=row.pk, now=now) if is_open else None,
        lapsed=lapsed,
        why_again=row.why_again if shows_content else "",
        is_another_run=shows_content and row.why_again == ANOTHER_RUN,
        earlier=earlier_requests(row),
        superseded_by=row.superseded_by_id or "",
        looking=others_looking(person=person, request_id=row.pk, now=now),
        steps=steps_of(row, decisions, now, shows_content=shows_content),
        outcome_status=row.outcome_status,
        outcome_detail=row.outcome_detail if shows_content else "",
        result_text=row.result_text if shows_content else "",
        signing=_signing(person, row, chain, card) if shows_content else {},
        may_decide=not why_not,
        why_not=why_not,
        chain=row.chain,
        step_up_seconds=row.step_up_seconds,
        still_possible=still_possible,
        denials_to_end=denials_to_end,
        slow=slow.terms(person=person, approval_request=row, now=now) if shows_content else None,
    )


def unfinished(*, after: str, limit: int, older_than: timedelta) -> list[WaitingCall]:
    """Return the next ``limit`` requests that are not over, by id, of those opened before ``older_than``."""
    found = ApprovalRequest.objects.filter(
        pk__gt=after, urgency__isnull=False, opened_at__lte=timezone.now() - older_than
    )
    rows = found.order_by("pk").values_list("pk", "namespace", "workflow_id", "run_id")
    return [WaitingCall(*row) for row in rows[:limit]]


def waiting_under(warrant_ids: Collection[str]) -> int:
    """Return how many requests are not over under these root warrants."""
    return ApprovalRequest.objects.filter(chain__in=warrant_ids, urgency__isnull=False).count()


def visible(person: Person, within: Reach | None = None) -> QuerySet[ApprovalRequest]:
    """Return the requests of the namespaces that ``person`` may see; ``within`` is their reach, if at hand."""
    within = reach(person, Role.VIEWER) if within is None else within
    seen = ApprovalRequest.objects.all()
    return seen if within.everywhere else seen.filter(namespace__in=within.namespaces)


def _choices(within: Reach) -> tuple[str, ...]:
    """Return the namespaces that somebody may choose from: those they reach, if there are several."""
    known = {namespace.name for namespace in settings.NAMESPACES}
    reached = sorted(known if within.everywhere else within.namespaces)
    return tuple(reached) if len(reached) > 1 else ()


def _waiting(seen: QuerySet[ApprovalRequest], now: datetime) -> QuerySet[ApprovalRequest]:
    return seen.filter(Q(urgency__isnull=False), Q(expires_at__gt=now) | Q(state=RequestState.APPROVED))


def _found(
    seen: QuerySet[ApprovalRequest], person: Person, show: QueueFilter, query: str, now: datetime
) -> QuerySet[ApprovalRequest]:
    found = seen if show in (QueueFilter.CLOSED, QueueFilter.ALL) else _waiting(seen, now)
    if show is QueueFilter.CLOSED:
        found = found.filter(Q(urgency__isnull=True) | Q(state=RequestState.OPEN, expires_at__lte=now))
    if show is QueueFilter.MINE:
        mine = active_keys().filter(person=person).values("public_key")
        found = found.filter(
            Exists(RequiredApprover.objects.filter(approval_request=OuterRef("pk"), public_key__in=mine))
        )
    for word in query.split():
        found = found.filter(
            Q(tool__icontains=word) | Q(agent__icontains=word) | Q(service__icontains=word) | Q(id=word)
        )
    return found


def _count(requests: QuerySet[ApprovalRequest]) -> Subquery:
    """Return a count that rides along in another query."""
    return Subquery(
        requests.order_by().annotate(one=Value(1)).values("one").annotate(number=Count("*")).values("number"),
        output_field=IntegerField(),
    )


def approvals_given(now: datetime) -> Coalesce:
    """Return the number of approvals of each request that count at ``now``."""
    approvals = Decision.objects.filter(
        Q(expires_at__gt=now) | ~Q(approval_request__state=RequestState.OPEN),
        approval_request=OuterRef("pk"),
        kind=DecisionKind.APPROVE,
        lapsed=False,
    )
    counted = approvals.order_by().values("approval_request").annotate(number=Count("*")).values("number")
    return Coalesce(Subquery(counted), 0)


def _decided(request_ids: list[str]) -> dict[str, tuple[Deciding, ...]]:
    """Return who has decided each of these requests so far, oldest first."""
    if not request_ids:
        return {}
    rows = Decision.objects.filter(approval_request__in=request_ids, lapsed=False).order_by("pk")
    found: dict[str, tuple[Deciding, ...]] = {}
    for request_id, kind, name, at in rows.values_list("approval_request_id", "kind", "display_name", "decided_at"):
        found[request_id] = (*found.get(request_id, ()), Deciding(kind, name, at))
    return found


def _possible(chain: WarrantChain, decisions: list[Decision]) -> tuple[int, int]:
    """Return how many more people can approve, and how many more denials end the request."""
    quorum = chain.quorum
    denied = [bytes(decision.public_key) for decision in decisions if decision.kind == DecisionKind.DENY]
    approved = quorum.people(bytes(row.public_key) for row in decisions if row.kind == DecisionKind.APPROVE)
    possible = quorum.possible(denied)
    return possible - len(approved), 1 if quorum.one_denial_ends else possible - quorum.threshold + 1


def _card(row: dict[str, Any], now: datetime, content: Reach, decided: tuple[Deciding, ...] = ()) -> RequestCard:
    target: str | None = ""
    if row["namespace"] in content:
        target = opened_target(row["target"], namespace=row["namespace"], request_id=row["id"])
    is_late = row["state"] == RequestState.OPEN and row["expires_at"] <= now
    return RequestCard(
        id=row["id"],
        tool=row["tool"],
        target=target or "",
        unreadable=target is None,
        agent=row["agent"],
        acting_for=row["acting_for"],
        severity=row["severity"],
        severity_rank=urgency.rank(row["severity"]),
        service=row["service"],
        namespace=row["namespace"],
        state=RequestState.EXPIRED if is_late else RequestState(row["state"]),
        opened_at=row["opened_at"],
        expires_at=row["expires_at"],
        approvals_given=row["given"],
        approvals_needed=row["threshold"],
        earlier_denials=row["earlier_denials"],
        asked_again=bool(row["why_again"]),
        looker=row["looker"],
        lookers=row["lookers"],
        decided=decided,
        looking_since=row["looking_since"],
        claimer=row["claimer"],
        claimed_at=row["claimed_at"],
        claimed_until=row["claimed_until"],
    )


def _history_line(line: dict[str, Any]) -> HistoryLine:
    return HistoryLine(
        tool=line["tool"],
        verdict=line["verdict"],
        at=datetime.fromtimestamp(line["at_ms"] / 1000, UTC),
        code=line["code"],
        detail=line["detail"],
        arguments=as_lines(base64.b64decode(line["arguments_cbor"])),
    )


def _decision_line(decision: Decision, shows_content: bool, *, may_retract: bool) -> DecisionLine:
    retraction: Retraction | None = getattr(decision, "retraction", None)
    return DecisionLine(
        kind=decision.kind,
        person=decision.display_name,
        key_short=decision.key_short,
        at=decision.decided_at,
        reason=decision.reason,
        step_up_method=decision.step_up_method,
        stepped_up_at=decision.stepped_up_at,
        retracted_at=retraction.retracted_at if retraction else None,
        proposed=_proposed(decision) if shows_content else [],
        may_retract=may_retract and decision.kind == DecisionKind.APPROVE and not decision.lapsed,
        nonce=bytes(decision.nonce).hex(),
    )


def _proposed(decision: Decision) -> list[tuple[str, str]]:
    if decision.kind != DecisionKind.DENY:
        return []
    return as_lines(denials.parse(bytes(decision.signed)).proposed_arguments or b"")


def _why_not(
    person: Person, row: ApprovalRequest, chain: WarrantChain, card: RequestCard, decisions: list[Decision]
) -> str:
    """Return why ``person`` cannot decide, as a sentence, or nothing."""
    if card.state != RequestState.OPEN:
        return f"This request is {card.state}: there is nothing left to decide."
    if any(decision.external_id == person.external_id for decision in decisions):
        return "You have decided this request. It waits for somebody else."
    if chain.terms.bars(person.external_id):
        return BARRED
    keys = {bytes(key.public_key) for key in active_keys(namespace=row.namespace).filter(person=person)}
    if not keys:
        if not has_role(person, Role.APPROVER, namespace=row.namespace):
            return "Only approvers decide. You can watch."
        return "You have no key yet. Make this browser's key on the keys page first."
    endorsed = {bytes(key.public_key) for key in endorsed_keys(namespace=row.namespace).filter(person=person)}
    if not endorsed:
        return f"Your key waits for endorsement by {_endorsers(person)}. Then it counts, from the next alert on."
    keys = endorsed
    if not keys & chain.required_approvers - chain.barred_keys:
        return "The warrant does not name a key of yours as an approver. One of the people it names must decide."
    return ""


def _endorsers(person: Person) -> str:
    """Return who can endorse ``person``'s key, in words."""
    names = [one.display_name for one in administrators() if one.pk != person.pk][:3]
    return " or ".join(names) or "a security administrator"


def _signing(person: Person, row: ApprovalRequest, chain: WarrantChain, card: RequestCard) -> dict[str, object]:
    """Return what the browser verifies and signs; it trusts none of it."""
    binding = binding_of(row, chain)
    return {
        **binding.to_facts(),
        "display_digest": binding.display_digest.hex(),
        "display": base64.b64encode(display_of(row).to_bytes()).decode(),
        "tool": row.tool,
        "request_hash": bytes(row.request_hash).hex(),
        "arguments_cbor": base64.b64encode(row.arguments_cbor).decode(),
        "warrant_chain": row.warrant_chain,
        "external_id": person.external_id,
        "expires_at": int(row.expires_at.timestamp()),
        "signature_lifetime_seconds": chain.terms.lifetime(settings.SIGNATURE_LIFETIME_SECONDS),
        "decision_url": reverse("approvals:decision", args=[row.pk]),
        "retraction_url": reverse("approvals:retraction", args=[row.pk]),
        "state": card.state,
    }
