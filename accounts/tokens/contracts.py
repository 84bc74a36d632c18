"""What a token is for. Pure."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """A token reaches the views of its scope and no others. Values are stored; none is ever reused."""

    COMMAND_LINE = "command-line"  # what its person may do with the command line
    MINTING = "minting"  # mints warrants, where its person is a security administrator, and nothing else
