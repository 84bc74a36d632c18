"""Whether this installation sends mail."""

from __future__ import annotations

from django.conf import settings


def is_set_up() -> bool:
    return bool(settings.EMAIL_HOST)
