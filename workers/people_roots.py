"""The people roots that this installation's own workers believe.

``PEOPLE_ROOTS`` names them. Where it is not set, as in the demo, the root in use is pinned the first time that a
worker sees it, in ``DATA_DIR``, and the database is not asked again. That is trust on first use: it protects against
a database that changes later, not against one that lied from the beginning, nor against whoever can write the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident

from django.conf import settings

from accounts.endorsements.queries import people_root
from workers.errors import StartFailed
from workers.gates.people_roots import PeopleRoots

_FILE = "people-root.pinned"
# What this process's workers were given, for whoever holds the ceremony in the same process.
_given: list[PeopleRoots] = []


def pinned_roots() -> PeopleRoots:
    """Return what is pinned; nothing before the ceremony. Raises ``StartFailed`` for a file that holds no key."""
    roots = PeopleRoots(settings.PEOPLE_ROOTS)
    if not roots.keys and _path().exists():
        roots.pin_first(_read())
    _given[:] = [roots]
    return roots


def pin_here() -> None:
    """Let this process's workers pin the root in use now, and not a second later."""
    for roots in _given:
        pin_first_root(roots)


def pin_first_root(roots: PeopleRoots) -> None:
    """Pin the root in use in ``roots`` and in ``DATA_DIR``, unless one is pinned already."""
    if roots.keys:
        return
    if not _path().exists():
        in_use = people_root()
        if in_use is None:
            return
        _write_once(bytes(in_use.public_key))
    # Two workers at once: what the first one wrote is what both believe.
    roots.pin_first(_read())


def _path() -> Path:
    return Path(settings.DATA_DIR) / _FILE


def _read() -> bytes:
    try:
        key = bytes.fromhex(_path().read_text().strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise StartFailed(f"{_path()} holds no people root: 64 hexadecimal digits. Restore it, or set PEOPLE_ROOTS.")
    return key


def _write_once(key: bytes) -> None:
    # Threads of one process pin at once, too.
    partial = _path().with_suffix(f".{os.getpid()}-{get_ident()}")
    partial.write_text(f"{key.hex()}\n")
    partial.chmod(0o600)
    try:
        os.link(partial, _path())
    except FileExistsError:
        pass
    finally:
        partial.unlink()
