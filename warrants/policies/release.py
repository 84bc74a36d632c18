"""The policies that a release comes with: YAML in this folder, changed by review like any code. Pure."""

from __future__ import annotations

from pathlib import Path

from warrants.errors import PolicyError, UnknownPolicy
from warrants.policies.rules import Policy, parse_policy

FOLDER = Path(__file__).parent


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
