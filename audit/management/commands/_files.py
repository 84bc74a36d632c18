"""Files that commands read and write: kept checkpoints, and exports that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import CommandError

from audit.statements.notes import MAXIMUM_BYTES


def kept_checkpoint(path: Path) -> str:
    """Return the text in ``path``, a little more than a checkpoint may have at most. Raises ``CommandError``."""
    try:
        with path.open("rb") as file:
            return file.read(MAXIMUM_BYTES + 1).decode()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} holds no checkpoint: it is not text.") from error


@contextmanager
def written_whole(output: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes ``output`` at the end, and is gone if there is none. Raises ``CommandError``."""
    # A name of its own until it is whole, so that no half file is taken for what was to be written.
    partial = output.with_name(f"{output.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(output)
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
