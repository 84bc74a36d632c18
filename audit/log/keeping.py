"""Checkpoints that are kept outside the database: one file each, never written again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from audit.keys.contracts import Purpose, ServiceKeyMissing
from audit.keys.queries import service_public_key
from audit.log.checking import Kept
from audit.log.queries import newest_checkpoints
from audit.statements.notes import MAXIMUM_BYTES, MalformedNote, checkpoint_in, parse

_SUFFIX = ".checkpoint"


@dataclass(frozen=True, slots=True)
class Outside:
    """What is kept in a directory, and what is wrong with its files, as sentences."""

    kept: list[Kept]
    faults: list[str]


def directory() -> Path | None:
    """Return where this installation keeps checkpoints, or None."""
    return Path(settings.CHECKPOINTS_DIRECTORY) if settings.CHECKPOINTS_DIRECTORY else None


def read_all(where: Path) -> Outside:
    """Return every checkpoint at or below ``where``. A file that cannot be read is a fault: that may be meant so."""
    found = Outside([], [])
    for path in sorted(where.rglob(f"*{_SUFFIX}")):
        if not path.is_file():  # whoever opens a pipe waits for ever
            found.faults.append(f"The kept checkpoint {path} is no file.")
            continue
        try:
            one, fault = read(path)
        except OSError as error:
            found.faults.append(f"The kept checkpoint {path} cannot be read: {error.strerror}.")
        except MalformedNote as error:
            found.faults.append(f"The kept checkpoint {path} is none. {error}")
        else:
            found.kept.append(one)
            found.faults.extend([fault] if fault else [])
    if not where.is_dir():
        found.faults.append(f"Checkpoints cannot be kept: {where} is not a directory.")
    return found


def read(path: Path) -> tuple[Kept, str]:
    """Return the checkpoint in ``path``, and what is wrong with its signature: nothing, or a sentence.

    Raises ``OSError`` and ``MalformedNote``.
    """
    with path.open("rb") as file:
        note = parse(file.read(MAXIMUM_BYTES + 1))
    kept = Kept(f"the checkpoint in {path}", checkpoint_in(note.text))
    try:
        note.verify(kept.checkpoint.origin, service_public_key(Purpose.LEDGER))
    except (MalformedNote, ServiceKeyMissing) as error:
        return kept, (
            f"{path} is not signed with the key of this ledger: it is from elsewhere or was changed, or the key was "
            f"replaced. {error}"
        )
    return kept, ""


def write_newest(where: Path) -> Iterator[str]:
    """Write the newest checkpoint of each log to a file of its own below ``where``; yield why one could not be."""
    for namespace, note in newest_checkpoints().items():
        size = checkpoint_in(parse(note.encode()).text).size
        path = where / f"{stem(namespace)}.{size:012}{_SUFFIX}"
        try:
            # Never over another: what is kept stays, also if a log was written anew up to the same size.
            with path.open("xb", buffering=0) as file:
                file.write(note.encode())
        except FileExistsError:
            continue
        except OSError as error:
            yield f"The checkpoint {path} cannot be kept: {error.strerror}."


def stem(namespace: str) -> str:
    """Return how files about the log of ``namespace`` are named."""
    return f"namespace-{quote(namespace, safe='')}" if namespace else "installation"
