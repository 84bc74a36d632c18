"""Everything that a database holds, as bytes to search in."""

from __future__ import annotations

from pathlib import Path

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql


def every_stored_byte(database_url: str) -> bytes:
    """Return the files of a SQLite database with its log, or every column of every table of a PostgreSQL database."""
    if database_url.startswith("sqlite:///"):
        path = Path(database_url.removeprefix("sqlite://"))
        files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-journal")]
        return b"".join(file.read_bytes() for file in files if file.exists())
    with psycopg.connect(database_url) as database:
        return every_stored_value(database)


def every_stored_value(database: psycopg.Connection) -> bytes:
    """Return every value of every column that a connection to PostgreSQL sees: bytes as they are, others as text."""
    found: list[bytes] = []
    tables = database.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    ).fetchall()
    for (table,) in tables:
        for row in database.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
            found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)


def every_column(database: BaseDatabaseWrapper) -> dict[str, bytes]:
    """Return what each column of each table holds, named ``table.column``, as ``database`` sees it in its transaction.

    Bytes as they are, others as text.
    """
    found: dict[str, list[bytes]] = {}
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")
            columns = [f"{table}.{column[0]}" for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    stored = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    found.setdefault(column, []).append(stored)
    return {column: b"\n".join(values) for column, values in found.items()}
