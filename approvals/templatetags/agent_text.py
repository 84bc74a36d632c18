"""``{{ text|visible }}``: an agent's text with hidden characters made visible. Autoescaping still applies."""

from __future__ import annotations

from django import template

from approvals import agent_text

register = template.Library()


@register.filter
def visible(text: object) -> str:
    return agent_text.visible(str(text))
