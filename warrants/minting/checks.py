"""What must be true before a warrant is minted."""

from __future__ import annotations

from accounts.endorsements.queries import endorsed_keys
from accounts.keys.contracts import KeyStrength
from accounts.keys.queries import active_keys
from accounts.models import ApproverKey
from accounts.people.names import is_exact, is_external_id
from accounts.people.naming import active_external_ids_of, active_people_by_name, external_ids_of, one_each
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.statements.terms import MAXIMUM_BARRED, MAXIMUM_PERSON, Terms
from warrants.errors import (
    AgentNotInPolicy,
    InactiveApprover,
    InvalidIncident,
    NoApprovers,
    NotASigner,
    SharedKey,
    TooFewPeople,
    TooManyApprovers,
    UnendorsedApprover,
)
from warrants.minting.contracts import Incident
from warrants.models import AgentIdentity, IssuerKey
from warrants.policies.rules import Policy

# The warrant travels with every call.
MAXIMUM_APPROVERS = 200
_LIMITS = {"id": 200, "title": 300, "severity": 32, "service": 100, "namespace": 200}


def require_usable(incident: Incident, policy: Policy) -> None:
    """Raise ``InvalidIncident`` unless every text can be stored and signed, and the policy knows the severity."""
    for field, maximum in _LIMITS.items():
        value = getattr(incident, field)
        if not 1 <= len(value) <= maximum or not _is_storable(value):
            raise InvalidIncident(f"The incident's {field} must be text of 1 to {maximum} characters.", field=field)
    if incident.severity not in policy.lifetimes:
        known = ", ".join(policy.lifetimes)
        raise InvalidIncident(f"The policy {policy.name} knows no such severity. It knows {known}.", field="severity")


def require_holder(agent: AgentIdentity, policy: Policy) -> None:
    """Raise ``AgentNotInPolicy`` if the policy names the agents that may hold its warrants, and not this one."""
    if policy.agents and agent.name not in policy.agents:
        raise AgentNotInPolicy(policy=policy.name, agents=policy.agents)


def barred_people(incident: Incident) -> tuple[str, ...]:
    """Return whom the warrant bars: everybody as the alert names them, and who is known to be meant by it.

    Among them is the person with whose authority the agent works.

    Who is not known here stays as text: they may sign up later. Raises ``InvalidIncident``.
    """
    named = [*incident.barred_people, *filter(None, [incident.acting_for])]
    for name in named:
        if not 1 <= len(name) <= MAXIMUM_PERSON or not name.isprintable():
            sentence = f"Whom an incident names are texts of 1 to {MAXIMUM_PERSON} printable characters."
            raise InvalidIncident(sentence, field="barred_people")
    names = {name.lower() if "@" in name and not is_external_id(name) else name for name in named}
    people = names | external_ids_of(names)
    if len(people) > MAXIMUM_BARRED:
        raise InvalidIncident(
            f"The incident names {len(people)} people who must not approve; a warrant has room for {MAXIMUM_BARRED}.",
            field="barred_people",
        )
    return tuple(sorted(people))


def person_acted_for(incident: Incident) -> str:
    """Return the external id of the person with whose authority the agent works; empty for nobody.

    Raises ``InvalidIncident`` unless the incident's name for them means one person, who may sign in here.
    """
    if not incident.acting_for:
        return ""
    # Names that people see are not unique, and people choose them.
    people = active_external_ids_of([incident.acting_for]) if is_exact(incident.acting_for) else set()
    if len(people) != 1:
        raise InvalidIncident(
            f"An agent works with the authority of one person who is known here; {incident.acting_for!r} means "
            f"{len(people)}.",
            field="acting_for",
        )
    return people.pop()


def require_approvers(approvers: list[ApproverKey], policy: Policy, namespace: str, terms: Terms) -> list[ApproverKey]:
    """Return the distinct keys of ``approvers`` that the policy lets sign, as they stand now, oldest first.

    Their people approve in ``namespace``. Under a policy that asks for strong keys the ordinary ones are left out,
    under one that names its approvers all others', and always those of the people whom ``terms`` bar.
    Raises ``NoApprovers``, ``TooManyApprovers``, ``InactiveApprover``, ``UnendorsedApprover`` and ``TooFewPeople``.
    """
    if not approvers:
        raise NoApprovers
    group = one_each(active_people_by_name(policy.approvers))
    named = {key.pk: key for key in approvers if not policy.approvers or key.person.external_id in group}
    if len(named) > MAXIMUM_APPROVERS:
        raise TooManyApprovers(maximum=MAXIMUM_APPROVERS)
    active = {key.pk: key for key in active_keys(namespace=namespace).filter(pk__in=named).order_by("pk")}
    for pk, key in named.items():
        if pk not in active:
            raise InactiveApprover(short=key.short)
    usable = [key for key in active.values() if _is_enough(key, policy.approver_key_strength)]
    endorsed = set(
        endorsed_keys(endorsers=policy.endorsers, namespace=namespace).filter(pk__in=named).values_list("pk", flat=True)
    )
    for key in usable:
        if key.pk not in endorsed:
            raise UnendorsedApprover(short=key.short, endorsers=policy.endorsers)
    others = [key for key in usable if not terms.bars(key.person.external_id)]
    people, barred = ({key.person_id for key in keys} for keys in (others, usable))
    if len(people) < policy.min_approvals:
        raise TooFewPeople(
            needed=policy.min_approvals,
            people=len(people),
            barred=len(barred - people),
            strength=policy.approver_key_strength,
            named=bool(policy.approvers),
        )
    return others


def require_signer(key: ApproverKey, policy: Policy, namespace: str) -> None:
    """Raise ``NotASigner`` unless the person could approve under the policy with ``key``, were they not the signer."""
    usable = endorsed_keys(endorsers=policy.endorsers, namespace=namespace).filter(pk=key.pk).exists()
    group = one_each(active_people_by_name(policy.approvers))
    is_meant = not policy.approvers or key.person.external_id in group
    if not usable or not is_meant or not _is_enough(key, policy.approver_key_strength):
        raise NotASigner(namespace=namespace, strength=policy.approver_key_strength, endorsers=policy.endorsers)


def require_different_keys(
    issuer: IssuerKey, agent: AgentIdentity, approvers: list[ApproverKey], signer: ApproverKey | None
) -> None:
    """Raise ``SharedKey`` unless issuer, agent, signer and approvers differ, and the server holds no person's key."""
    if bytes(issuer.public_key) == bytes(agent.public_key):
        raise SharedKey(field="agent")
    held_here = _keys_held_here()
    if any(bytes(key.public_key) in held_here for key in approvers):
        raise SharedKey(field="approvers")
    if signer is not None and bytes(signer.public_key) in held_here:
        raise SharedKey(field="signer")


def _is_enough(key: ApproverKey, needed: KeyStrength) -> bool:
    return needed is KeyStrength.ORDINARY or key.strength == KeyStrength.STRONG


def _keys_held_here() -> set[bytes]:
    service_keys = [ensure_service_key(purpose=purpose).public_key for purpose in Purpose]
    issuers = IssuerKey.objects.values_list("public_key", flat=True)
    agents = AgentIdentity.objects.values_list("public_key", flat=True)
    return {bytes(key) for key in [*service_keys, *issuers, *agents]}


def _is_storable(text: str) -> bool:
    """Whether ``text`` has no NUL, which PostgreSQL refuses, and no half surrogate pairs, which no encoding has."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
