"""Rings in files, for workers and people elsewhere. ``manage.py export_ring`` writes them.

{"format": "countersign-ring-v1", "namespace": text, "current": key id, "keys": {key id: base64}, "retired": [key id]}

Each key is wrapped by a keeper of the reader's own, so that the file alone opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from audit.keepers.contracts import CustodyError, Keeper
from audit.sealing import Ring, SealingError
from workers.codec.rings import LoadedRings

FORMAT = "countersign-ring-v1"
MAXIMUM_BYTES = 1024 * 1024


class RingFileUnusable(SealingError):
    """A ring file cannot be read, or is not in the form that ``export_ring`` writes; the message names it."""


class FileRings(LoadedRings):
    """The rings in ``files``, each read anew when it changed, and at once when a payload needs a key it lacks."""

    def __init__(self, *files: Path, keeper: Keeper) -> None:
        super().__init__(self._read)
        self._files, self._keeper = files, keeper
        self._opened: dict[Path, tuple[bytes, Ring]] = {}

    def _read(self, name: str) -> Ring:
        for file in self._files:
            ring = self._ring_in(file)
            if ring.namespace == name:
                return ring
        raise RingFileUnusable(f"No ring file is of {name!r}. Have one written with: manage.py export_ring {name}")

    def _ring_in(self, file: Path) -> Ring:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise RingFileUnusable(f"The ring file {file} cannot be read: {error.strerror}.") from None
        if self._opened.get(file, (b"",))[0] != content:
            # Opening keys may ask another service: not for every look at the file.
            self._opened[file] = (content, parse(content, str(file), keeper=self._keeper))
        return self._opened[file][1]


def dump(ring: Ring, *, keeper: Keeper) -> str:
    """Return the file of ``ring``, its keys wrapped by ``keeper``. Raises ``CustodyError``."""
    keys = {
        key_id: base64.b64encode(keeper.wrap(key, purpose=_purpose(ring.namespace, key_id))).decode()
        for key_id, key in ring.keys.items()
    }
    content = {
        "format": FORMAT,
        "namespace": ring.namespace,
        "current": ring.current,
        "keys": keys,
        "retired": sorted(ring.retired),
    }
    return json.dumps(content, indent=1) + "\n"


def parse(content: bytes, name: str, *, keeper: Keeper) -> Ring:
    """Return the ring in ``content``. Raises ``RingFileUnusable``, naming the file ``name``."""
    try:
        found = json.loads(content) if len(content) <= MAXIMUM_BYTES else None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError
        namespace, current = _text(found["namespace"]), _text(found["current"])
        keys = {
            key_id: keeper.unwrap(base64.b64decode(wrapped, validate=True), purpose=_purpose(namespace, key_id))
            for key_id, wrapped in found["keys"].items()
        }
        return Ring(namespace, current, keys, frozenset(_text(key_id) for key_id in found["retired"]))
    except CustodyError as error:
        raise RingFileUnusable(f"The keys in the ring file {name} do not open. {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error, SealingError):
        raise RingFileUnusable(
            f"{name} is not a ring file as manage.py export_ring writes it, or it is damaged."
        ) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _purpose(namespace: str, key_id: str) -> str:
    return f"ring-file:{namespace}:{key_id}"
