"""``{{ value|readable }}``: an argument's value as text in which 1, 1.0, true and "1" look different."""

from __future__ import annotations

from django import template

from audit.ledger.wording import readable

register = template.Library()
register.filter("readable", readable)
