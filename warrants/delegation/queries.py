"""Which warrants wait for somebody to hand them on."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Person
from warrants.errors import NotTheSigner
from warrants.issuers.contracts import TRUSTED
from warrants.models import Delegation


def waiting_for(person: Person) -> QuerySet[Delegation]:
    """Return what waits for ``person``'s signature, the next to end first."""
    live = {"warrant__expires_at__gt": timezone.now(), "warrant__revocation": None}
    found = Delegation.objects.select_related("warrant", "warrant__agent")
    return found.filter(person=person.external_id, leaf=None, **live).order_by("warrant__expires_at", "pk")


def delegation_of(warrant_id: str, person: Person) -> Delegation:
    """Return what ``person`` hands on, or handed on. Raises ``NotTheSigner``."""
    found = Delegation.objects.select_related("warrant", "warrant__agent", "warrant__issuer", "warrant__revocation")
    delegation = found.filter(pk=warrant_id, person=person.external_id).first()
    if delegation is None:
        raise NotTheSigner
    return delegation


def is_over(delegation: Delegation) -> bool:
    """Whether its warrant ended, was taken back, or has an issuer that nobody believes any more."""
    warrant = delegation.warrant
    has_ended = warrant.expires_at <= timezone.now() or hasattr(warrant, "revocation")
    return has_ended or warrant.issuer.state not in TRUSTED
