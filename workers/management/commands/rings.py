"""``manage.py rings``: which keys every namespace has."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.custody import CustodyError, is_current
from audit.models import RingKey
from audit.rings.queries import columns_sealed_with, keys_of, wrapping_purpose


class Command(BaseCommand):
    help = (
        "List the keys of every namespace: which one seals, since when, and whether this database holds what it sealed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = keys_of()
        if not rows:
            self.stderr.write("There are no rings yet. Make them with: manage.py setup")
        sealing = {row.namespace: row.pk for row in rows if row.retired_at is None}
        for row in rows:
            self.stdout.write("  ".join(self._columns(row, is_sealing=sealing[row.namespace] == row.pk)))

    def _columns(self, row: RingKey, *, is_sealing: bool) -> list[str]:
        days = (timezone.now() - row.created_at).days
        if row.retired_at is not None:
            return [row.namespace, row.pk, "retired", f"at {row.retired_at:%Y-%m-%d %H:%M} UTC"]
        state = "seals" if is_sealing else "opens"
        use = "in use here" if columns_sealed_with(row.pk) else "nothing here"
        return [row.namespace, row.pk, state, f"{days} days old", use, _custody(row)]


def _custody(row: RingKey) -> str:
    try:
        is_fine = is_current(bytes(row.wrapped_key), purpose=wrapping_purpose(row.pk))
    except CustodyError as error:
        return str(error)
    return "" if is_fine else "wrapped otherwise than new keys: manage.py rewrap_keys"
