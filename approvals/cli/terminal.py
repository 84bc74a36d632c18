"""The terminal: what is said, in colour only where a person looks, and secrets that are asked for."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path
from typing import Any

from approvals.cli.failures import CannotGoOn

BOLD, DIM, RED, GREEN = "1", "2", "31", "32"


def say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def say_json(value: Any) -> None:
    """Print ``value`` for a program; characters beyond ASCII are escaped, so that nothing can pose as another."""
    say(json.dumps(value, indent=1, ensure_ascii=True))


def coloured(text: str, *codes: str) -> str:
    """Return ``text`` in colour, or as it is where nobody sees colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"


def ask(question: str) -> str:
    """Return what the person types. Raises ``CannotGoOn`` if nobody is there."""
    try:
        return input(question)
    except EOFError:
        raise CannotGoOn("Nobody is there to type it. Run this at a terminal, or use --confirm.") from None


def ask_secret(question: str, file: Path | None = None) -> str:
    """Return a secret that the person types, or the first line of ``file``; never one from the command line.

    Raises ``CannotGoOn``.
    """
    if file is None:
        try:
            return getpass.getpass(question)
        except EOFError:
            raise CannotGoOn("Nobody is there to type it. Run this at a terminal, or use --secret-file.") from None
    try:
        return file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeError, IndexError) as error:
        raise CannotGoOn(f"{file} holds no secret that can be read.") from error
