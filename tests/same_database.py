"""The database of the test that runs, for a process of its own."""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit

from django.db import connection


def environment() -> dict[str, str]:
    """Return the environment of a process that shares the test's keys and its database."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "postgresql":
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    else:
        url = f"sqlite://{quote(name)}"
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
