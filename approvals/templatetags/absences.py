"""What every page says to whoever is away."""

from __future__ import annotations

from typing import Any

from django import template

from approvals.absence.queries import Line, line_now

register = template.Library()


@register.simple_tag
def absence_now(person: Any) -> Line | None:
    """Return the absence that ``person`` is in, or None."""
    return line_now(person)
