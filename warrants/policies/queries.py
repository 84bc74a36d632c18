"""Finding policies: what was published here, else what the release came with.

A release's own policies stand in this folder as YAML, changed by review like any code. A version that was published
here takes the place of the file of its name, for good: taking it back needs another publication.
"""

from __future__ import annotations

from pathlib import Path

from warrants.errors import PolicyError, UnknownPolicy
from warrants.models import PolicyVersion
from warrants.policies.contracts import State
from warrants.policies.publications import verified
from warrants.policies.rules import Policy, parse_policy

FOLDER = Path(__file__).parent


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


def published(name: str) -> PolicyVersion | None:
    """Return the version of ``name`` that is published here. Nothing of it was verified."""
    return PolicyVersion.objects.filter(name=name, state=State.PUBLISHED).first()


def shipped(name: str) -> Policy:
    """Return the release's own policy ``name``. Raises ``UnknownPolicy`` and ``PolicyError``."""
    policy = parse_policy(shipped_text(name))
    if policy.name != name:
        raise PolicyError("name", f"The policy in {name}.yaml must be named {name}.")
    return policy


def shipped_text(name: str) -> str:
    """Return the text of the release's own policy ``name``. Raises ``UnknownPolicy`` and ``PolicyError``."""
    if name not in shipped_names():
        raise UnknownPolicy(name)
    try:
        return (FOLDER / f"{name}.yaml").read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PolicyError("", "The policy is not text in UTF-8.") from error


def shipped_names() -> list[str]:
    """Return the names of the release's own policies."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def names() -> list[str]:
    """Return the names of all policies that warrants can be minted from."""
    here = PolicyVersion.objects.filter(state=State.PUBLISHED).values_list("name", flat=True)
    return sorted({*shipped_names(), *here})
