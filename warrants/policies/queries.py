"""Finding policies: files in this folder, changed by review."""

from __future__ import annotations

from pathlib import Path

from warrants.errors import PolicyError, UnknownPolicy
from warrants.policies.rules import Policy, parse_policy

FOLDER = Path(__file__).parent


def load(name: str) -> Policy:
    """Return the policy ``name`` as its file says now. Raises ``UnknownPolicy`` and ``PolicyError``."""
    if name not in names():
        raise UnknownPolicy(name)
    try:
        text = (FOLDER / f"{name}.yaml").read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PolicyError("", "The policy is not text in UTF-8.") from error
    policy = parse_policy(text)
    if policy.name != name:
        raise PolicyError("name", f"The policy in {name}.yaml must be named {name}.")
    return policy


def names() -> list[str]:
    """Return the names of all policies."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))
