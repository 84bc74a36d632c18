"""Reading people's keys."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import ApproverKey, Person, RoleGrant
from accounts.roles.contracts import EVERYWHERE, Role


def active_keys(*, namespace: str | None = None) -> QuerySet[ApproverKey]:
    """Return the keys that may approve now: not revoked, of an active person who is an approver.

    ``namespace`` None asks for approvers of any namespace.
    """
    approvers = RoleGrant.objects.filter(person=OuterRef("person"), role=Role.APPROVER.value)
    if namespace is not None:
        approvers = approvers.filter(namespace__in=[EVERYWHERE, namespace])
    return ApproverKey.objects.filter(Exists(approvers), revoked_at=None, person__is_active=True).select_related(
        "person"
    )


def active_key(public_key: bytes) -> ApproverKey | None:
    """Return the active key with these 32 bytes, with its person."""
    return active_keys().filter(public_key=public_key).first()


def revocation_times() -> dict[bytes, int]:
    """Return when every revoked key was revoked, in milliseconds since 1970."""
    revoked = ApproverKey.objects.exclude(revoked_at=None).values_list("public_key", "revoked_at")
    return {bytes(key): int(at.timestamp() * 1000) for key, at in revoked if at is not None}


def keys_of(person: Person) -> list[ApproverKey]:
    """Return all keys of ``person``, revoked ones too, newest first."""
    return list(ApproverKey.objects.filter(person=person))
