"""When a key last signed: ``{% last_signed key as at %}``. Read from the decisions: deciding writes nothing for it."""

from __future__ import annotations

from datetime import datetime

from django import template

from accounts.models import ApproverKey
from approvals.decisions import queries

register = template.Library()


@register.simple_tag
def last_signed(key: ApproverKey) -> datetime | None:
    return queries.last_decided_at(bytes(key.public_key))
