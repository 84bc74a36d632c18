"""``{% request_card card %}``: one card of the queue, rendered once for as long as it stays the same."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from approvals.requests.queries import RequestCard

register = template.Library()

CARDS_KEPT = 2048


@register.simple_tag
def request_card(card: RequestCard) -> SafeString:
    """Return the HTML of ``card``. Nothing in it depends on who looks, so that everybody shares one rendering."""
    return _rendered(card)


@lru_cache(maxsize=CARDS_KEPT)
def _rendered(card: RequestCard) -> SafeString:
    return render_to_string("approvals/_card.html", {"card": card})
