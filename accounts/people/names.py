"""What names of people look like. Pure."""

from __future__ import annotations


def is_external_id(name: str) -> bool:
    """Whether ``name`` has the form of ``Person.external_id``: ``local:ada`` or ``https://id.example.com#4711``."""
    if "#" in name:
        return all(name.split("#", 1))
    return name.startswith("local:") and name != "local:"


def is_exact(name: str) -> bool:
    """Whether ``name`` can be an external id or an e-mail address: what people are shown as is not theirs alone."""
    return is_external_id(name) or "@" in name
