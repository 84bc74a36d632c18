"""What migrations need to seal columns that held plain content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import migrations, transaction

BATCH = 100


class AlterText(migrations.AlterField):
    """Make a sealed column of one of text, or of JSON; what is in it stays, byte for byte, until it is sealed.

    Left to Django, PostgreSQL would read the text as bytes are written in SQL, with backslashes.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        table = schema_editor.quote_name(to_state.apps.get_model(app_label, self.model_name)._meta.db_table)
        column = schema_editor.quote_name(self.name)
        schema_editor.execute(
            f"ALTER TABLE {table} ALTER COLUMN {column} TYPE bytea USING convert_to({column}::text, 'UTF8')"
        )


def seal_rows(rows: Any, names: Sequence[str]) -> None:
    """Seal the columns ``names`` of ``rows`` (a query set), a batch in a transaction; what is sealed stays as it is."""
    last = None
    while batch := list((rows if last is None else rows.filter(pk__gt=last)).order_by("pk")[:BATCH]):
        with transaction.atomic():
            for row in batch:
                _seal(row, names)
        last = batch[-1].pk


def _seal(row: Any, names: Sequence[str]) -> None:
    stored = {name: row.__dict__[name] for name in names}
    plain = {name: value for name, value in stored.items() if value is not None and value.is_plain}
    for name, value in plain.items():
        setattr(row, name, row._meta.get_field(name).decoded(bytes(value)))
    if plain:
        row.save(update_fields=list(plain))
