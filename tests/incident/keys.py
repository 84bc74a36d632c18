"""A person who can approve."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from tests.endorsing import endorsed
from tests.people import hold


def approver_key(username: str = "ada") -> ApproverKey:
    """Return the endorsed key of a new on-call lead."""
    person = Person.objects.create_user(username=username)
    hold(person, Role.APPROVER)
    public_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return endorsed(ApproverKey.objects.create(person=person, public_key=public_key, name="Laptop", proof=b"proof"))
