"""Start-up refuses policies that are malformed or unsafe, long before a warrant is needed."""

from __future__ import annotations

from django.core import checks

from warrants.errors import PolicyError
from warrants.policies.release import shipped, shipped_names


def register() -> None:
    checks.register(policies_are_safe)


def policies_are_safe(**_: object) -> list[checks.CheckMessage]:
    """Return one error for each policy that cannot be used."""
    errors: list[checks.CheckMessage] = []
    for name in shipped_names():
        try:
            shipped(name)
        except PolicyError as error:
            errors.append(checks.Error(f"Policy {name}: {error}", id="warrants.E001"))
    return errors
