"""The tools that workers say they have. Pure.

All of it is what workers say: text from elsewhere, bounded and printable, and no proof that a tool is like that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MAXIMUM_NAME = 200
MAXIMUM_TYPE = 100
MAXIMUM_DESCRIPTION = 500
MAXIMUM_PARAMETERS = 64
# Of one namespace. More are left out, and whoever looks is told so.
MAXIMUM_TOOLS = 2_000
# A worker says every few hours that it has its tools; see ``workers.gates.catalogue``.
STALE_AFTER = timedelta(hours=24)
FORGOTTEN_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Parameter:
    """``type`` is as the worker's code writes it, such as ``str`` or ``list[str]``; empty if it says none."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class CatalogueTool:
    """A tool by the name that warrants know it by, its parameters in order, and the first paragraph about it.

    ``places`` are "namespace/task queue" of the workers that have it like this; one that is had in several forms comes
    once for each. ``is_stale``: no worker said so for ``STALE_AFTER``.
    """

    name: str
    parameters: tuple[Parameter, ...]
    description: str
    places: tuple[str, ...]
    is_stale: bool = False
