"""Tools that do nothing, with parameters of every type that a guarded activity may have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from temporalio import activity

from warrants.catalogue.contracts import CatalogueTool, Parameter


@activity.defn
async def one_text(x: str) -> str:
    return "ran"


@activity.defn
async def one_whole(x: int) -> str:
    return "ran"


@activity.defn
async def one_number(x: float) -> str:
    return "ran"


@activity.defn
async def one_truth(x: bool) -> str:
    return "ran"


@activity.defn
async def texts(x: list[str]) -> str:
    return "ran"


@activity.defn
async def wholes(x: list[int]) -> str:
    return "ran"


@activity.defn
async def two_texts(x: str, y: str) -> str:
    return "ran"


@activity.defn
async def text_and_whole(x: str, y: int) -> str:
    return "ran"


@activity.defn
async def texts_and_number(x: list[str], y: float) -> str:
    return "ran"


@activity.defn
async def of_all_kinds(x: str, y: int, z: list[str], v: bool) -> str:
    return "ran"


@activity.defn
async def run_code(x: str) -> str:
    """One of those names that Tenuo has rules of its own for."""
    return "ran"


ACTIVITIES: list[Callable[..., Any]] = [
    one_text, one_whole, one_number, one_truth, texts, wholes, two_texts, text_and_whole, texts_and_number,
    of_all_kinds, run_code,
]  # fmt: skip
PARAMETERS: dict[str, dict[str, str]] = {
    function.__name__: {
        name: str(parameter.annotation) for name, parameter in inspect.signature(function).parameters.items()
    }
    for function in ACTIVITIES
}


def reported(name: str) -> list[CatalogueTool]:
    """Return the tool as its worker would report it."""
    parameters = tuple(Parameter(parameter, type_name) for parameter, type_name in PARAMETERS[name].items())
    return [CatalogueTool(name, parameters, "", ("default/agents",))]
