"""Who could approve what a version stops, as keys and roles stand now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accounts.endorsements.queries import endorsed_keys
from accounts.keys.contracts import KeyStrength
from accounts.keys.queries import active_keys
from accounts.models import ApproverKey, Person, RoleGrant
from accounts.roles.contracts import EVERYWHERE, Role
from audit.statements.terms import Terms
from warrants.errors import WarrantError
from warrants.minting.checks import require_approvers
from warrants.policies.rules import Policy

MAXIMUM_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class Approvers:
    """``able`` are names; ``unable`` names with why not. ``more`` approvers there are, who were not looked at.

    ``refusal`` says why nothing would be minted with these people; empty if it would be.
    """

    able: tuple[str, ...]
    unable: tuple[tuple[str, str], ...]
    more: int = 0
    refusal: str = ""


def approvers_under(policy: Policy, *, namespace: str) -> Approvers:
    """Return who could approve under ``policy`` in ``namespace``, if no alert bars them."""
    granted = RoleGrant.objects.filter(role=Role.APPROVER.value, namespace__in=[EVERYWHERE, namespace])
    people = Person.objects.filter(is_active=True, pk__in=granted.values("person")).order_by("display_name", "pk")
    endorsed = list(endorsed_keys(endorsers=policy.endorsers, namespace=namespace))
    named, _ = _as_minted(endorsed, replace(policy, min_approvals=1), namespace)
    keyed = set(active_keys(namespace=namespace).values_list("person", flat=True))
    able, unable = [], []
    for person in people[:MAXIMUM_PEOPLE]:
        if person.pk in {key.person_id for key in named}:
            able.append(person.display_name)
        else:
            own = [key for key in endorsed if key.person_id == person.pk]
            unable.append((person.display_name, _why(person.pk in keyed, own, policy)))
    _, refusal = _as_minted(endorsed, policy, namespace)
    return Approvers(tuple(able), tuple(unable), max(people.count() - MAXIMUM_PEOPLE, 0), refusal)


def _why(has_key: bool, endorsed: list[ApproverKey], policy: Policy) -> str:
    if not has_key:
        return "has no key"
    if not endorsed:
        people = "nobody" if policy.endorsers == 1 else f"fewer than {policy.endorsers} people"
        return f"{people} endorsed their key"
    if policy.approver_key_strength is KeyStrength.STRONG and not any(map(_is_strong, endorsed)):
        return "has no strong key, and the policy asks for one"
    return "is not among those whom the policy names"


def _is_strong(key: ApproverKey) -> bool:
    return key.strength == KeyStrength.STRONG


def _as_minted(keys: list[ApproverKey], policy: Policy, namespace: str) -> tuple[list[ApproverKey], str]:
    """Return which of ``keys`` minting would name, or why it refuses them."""
    try:
        return require_approvers(keys, policy, namespace, Terms()), ""
    except WarrantError as error:
        return [], error.sentence
