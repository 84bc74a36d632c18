"""Everything that a database holds, as bytes to search in."""

from __future__ import annotations

from pathlib import Path

import psycopg
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
