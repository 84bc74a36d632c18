"""What lint can know of this installation: people, the version before, and how long decisions took."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from statistics import quantiles
from typing import Any

from accounts.endorsements.queries import endorsed_keys
from accounts.keys.contracts import KeyStrength
from accounts.models import ApproverKey, RoleGrant
from accounts.people.naming import active_people_by_name, one_each
from accounts.roles.contracts import EVERYWHERE, Role
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from warrants.catalogue import queries as catalogue
from warrants.errors import PolicyError, UnknownPolicy
from warrants.models import AgentIdentity, IssuerKey
from warrants.policies import queries, shifts
from warrants.policies.installation import Installation
from warrants.policies.lint import Context, Finding, lint
from warrants.policies.rules import Policy, is_argument_name, parse_policy

# Entries of the ledger, newest first, that are looked at for how long people take, and decisions that are enough.
_ENTRIES = 5_000
_ENOUGH_DECISIONS = 20
# The types that guarded activities have.
_TYPE = re.compile(r"(str|int|float|bool)|list\[(str|int|float|bool)\]")
_EVERY_NAMESPACE = "every namespace"
_DECIDED = frozenset({EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED})
_ENDED = frozenset({EntryKind.APPROVAL_EXPIRED, EntryKind.APPROVAL_WITHDRAWN, EntryKind.APPROVAL_SUPERSEDED})


def findings(name: str, text: str, authors: Iterable[str]) -> list[Finding]:
    """Return what there is to say about ``text``, a version of the policy ``name`` that ``authors`` wrote."""
    return lint(text, _context(name, text, frozenset(authors)))


def _context(name: str, text: str, authors: Set[str]) -> Context:
    policy = _parsed(text)
    meant = active_people_by_name(policy.approvers) if policy else {}
    keys = _approvers_keys(policy, meant)
    approvers = _by_namespace(keys)
    here = Installation(
        approvers=approvers,
        fewest_at_once=shifts.fewest_at_once(approvers),
        issuers=_holders(keys, set(map(bytes, IssuerKey.objects.values_list("public_key", flat=True)))),
        agents=_holders(keys, set(map(bytes, AgentIdentity.objects.values_list("public_key", flat=True)))),
        authors=authors,
        decision_seconds=_decision_seconds(),
        agent_names=set(AgentIdentity.objects.values_list("name", flat=True)),
        meant={name: len(people) for name, people in meant.items()},
        **_tools(policy),
    )
    try:
        return Context(here, before=_parsed(queries.text_of(name)))
    except UnknownPolicy:
        return Context(here, is_new=True)
    except PolicyError:
        return Context(here)


def _parsed(text: str) -> Policy | None:
    try:
        return parse_policy(text)
    except PolicyError:
        return None


def _approvers_keys(policy: Policy | None, meant: Mapping[str, Set[str]]) -> list[ApproverKey]:
    """Return the keys that may approve under ``policy``; ``meant`` are whom it names, if it names anybody."""
    keys = endorsed_keys(endorsers=policy.endorsers if policy else 1)
    if policy and policy.approver_key_strength is KeyStrength.STRONG:
        keys = keys.filter(strength=KeyStrength.STRONG.value)
    group = one_each(meant)
    return [key for key in keys if not meant or key.person.external_id in group]


def _by_namespace(keys: list[ApproverKey]) -> dict[str, Set[str]]:
    """Return who may approve, by namespace; who may in all of them counts in each."""
    people = {key.person_id: key.person.external_id for key in keys}
    grants = RoleGrant.objects.filter(role=Role.APPROVER.value)
    found: dict[str, set[str]] = defaultdict(set)
    for namespace, person in grants.values_list("namespace", "person_id"):
        found[namespace].update({people[person]} if person in people else ())
    everywhere = found.pop(EVERYWHERE, set())
    return {namespace: here | everywhere for namespace, here in found.items()} or {_EVERY_NAMESPACE: everywhere}


def _holders(keys: list[ApproverKey], held: Set[bytes]) -> Set[str]:
    return {key.person.external_id for key in keys if bytes(key.public_key) in held}


def _tools(policy: Policy | None) -> dict[str, Any]:
    """Return what ``Installation`` knows of the tools that ``policy`` names.

    A tool that workers have in several forms takes what any of them takes. Nothing is known where no worker reported
    lately. Findings repeat names and types, so that only those count which say nothing else.
    """
    if policy is None or not catalogue.is_known():
        return {}
    found: dict[str, dict[str, str]] = {}
    fresh: set[str] = set()
    for tool in catalogue.tools(list(policy.tools)):
        types = found.setdefault(tool.name, {})
        for one in tool.parameters:
            if is_argument_name(one.name):
                kind = one.type if _TYPE.fullmatch(one.type) else ""
                types[one.name] = kind if types.get(one.name, kind) == kind else ""
        fresh |= set() if tool.is_stale else {tool.name}
    return {
        "catalogue": found,
        "is_whole": not catalogue.full_namespaces(),
        "stale_tools": found.keys() - fresh,
    }


def _decision_seconds() -> tuple[float, float] | None:
    """Return the median and the 90th percentile of what first decisions took lately, or None for too few of them.

    Only requests that were open alone in their incident count: which of several a decision was about is sealed.
    """
    newest = LedgerEntry.objects.order_by("-pk").values_list("chain_id", "sequence", "kind", "at_ms")[:_ENTRIES]
    took: list[float] = []
    opened: dict[str, list[int]] = defaultdict(list)
    for chain, _, kind, at_ms in sorted(newest):
        if kind == EntryKind.APPROVAL_REQUESTED:
            opened[chain].append(at_ms)
        elif kind in _DECIDED or kind in _ENDED:
            if kind in _DECIDED and len(opened[chain]) == 1:
                took.append((at_ms - opened[chain][0]) / 1000)
            opened[chain].clear()
    if len(took) < _ENOUGH_DECISIONS:
        return None
    tenths = quantiles(took, n=10)
    return tenths[4], tenths[8]
