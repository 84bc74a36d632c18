"""What a browser may pin: ``{% load trust %}{% trusted_roots as roots %}``."""

from __future__ import annotations

from django import template

from warrants.issuers import queries

register = template.Library()


@register.simple_tag
def trusted_roots() -> list[str]:
    """Return the trusted root keys as hexadecimal text."""
    return [root.hex() for root in queries.trusted_roots()]
