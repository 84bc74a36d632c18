"""Finding policies: what was published here, else what the release came with.

A version that was published here takes the place of the release's own of its name, until it is retired.
"""

from __future__ import annotations

from warrants.errors import UnknownPolicy, UnknownVersion
from warrants.models import PolicyVersion
from warrants.policies.contracts import State
from warrants.policies.publications import verified
from warrants.policies.release import shipped, shipped_names, shipped_text
from warrants.policies.rules import Policy, parse_policy


def load(name: str) -> Policy:
    """Return the policy ``name`` from which warrants are minted now.

    1. The version that is published here, if there is one, and then only if a second person's signature stands
       behind its text.
    2. Otherwise the release's own.

    Raises ``UnknownPolicy`` and ``PolicyError``: what was published and does not verify is never passed over.
    """
    version = published(name)
    if version is None:
        return shipped(name)
    return parse_policy(verified(version))


def text_of(name: str, number: int | None = None) -> str:
    """Return the text of the policy ``name`` that is in force, or of the version ``number`` that was written here.

    Raises ``UnknownPolicy``, ``UnknownVersion`` and ``PolicyError``.
    """
    if number is None:
        version = published(name)
        return shipped_text(name) if version is None else verified(version)
    found = PolicyVersion.objects.filter(name=name, number=number).first() if 0 < number < 2**31 else None
    if found is None:
        raise UnknownVersion(name=name, number=number)
    return found.text


def published(name: str) -> PolicyVersion | None:
    """Return the version of ``name`` that is published here. Nothing of it was verified."""
    return PolicyVersion.objects.filter(name=name, state=State.PUBLISHED).first()


def standing(name: str) -> tuple[int, str]:
    """Return number and text of the version that stands, as they are stored; 0 and "" for a policy that is new."""
    version = published(name)
    return (version.number, version.text) if version else shipped_standing(name)


def next_number(name: str) -> int:
    """Return the number of the next version of ``name``."""
    newest = PolicyVersion.objects.filter(name=name).order_by("-number").values_list("number", flat=True).first()
    return max(newest or 0, shipped_standing(name)[0]) + 1


def shipped_standing(name: str) -> tuple[int, str]:
    """Return number and text of the release's own; 0 and "" if it has none of that name."""
    try:
        return shipped(name).version, shipped_text(name)
    except UnknownPolicy:
        return 0, ""


def names() -> list[str]:
    """Return the names of all policies that warrants can be minted from."""
    here = PolicyVersion.objects.filter(state=State.PUBLISHED).values_list("name", flat=True)
    return sorted({*shipped_names(), *here})
