"""Who is told of a request."""

from __future__ import annotations

from accounts.endorsements.queries import endorsed_keys
from accounts.models import Person
from approvals.models import ApprovalRequest, Decision
from approvals.requests.chain import parse


def audience(approval_request: ApprovalRequest) -> list[Person]:
    """Return those who can decide this request now, by name: never somebody who is barred, or has decided."""
    chain = parse(approval_request.warrant_chain)
    asked = endorsed_keys(namespace=approval_request.namespace).filter(
        public_key__in=chain.required_approvers - chain.barred_keys
    )
    people = {key.person.pk: key.person for key in asked}
    decided = set(
        Decision.objects.filter(approval_request=approval_request, lapsed=False).values_list("external_id", flat=True)
    )
    able = [
        person
        for person in people.values()
        if person.external_id not in decided and not chain.terms.bars(person.external_id)
    ]
    return sorted(able, key=lambda person: (person.display_name, person.pk))
