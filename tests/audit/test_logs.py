"""What an exception says is logged only where it cannot be an agent's, a tool's or a model's words."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import pytest
from django.db import IntegrityError, OperationalError
from temporalio.exceptions import ApplicationError

from approvals.errors import UnknownRequest
from audit.logs import Formatter

SECRET = "CANARY: the customer's name"


def logged(raise_: Callable[[], None]) -> str:
    try:
        raise_()
    except Exception:
        record = logging.LogRecord("temporalio.activity", logging.WARNING, "", 1, "It failed", (), sys.exc_info())
        record.exc_text = f"left by another handler: {SECRET}"
        return Formatter("{levelname} {message}", style="{").format(record)
    raise AssertionError


def failing(*errors: Exception) -> Callable[[], None]:
    def fail() -> None:
        first, *rest = errors
        if not rest:
            raise first
        try:
            failing(*rest)()
        except Exception as cause:
            raise first from cause

    return fail


@pytest.mark.parametrize(
    "errors",
    [
        [ApplicationError(SECRET, SECRET, type="TOOL_FAILED")],
        [ValueError(SECRET)],
        [IntegrityError(f"DETAIL: Key (text)=({SECRET}) exists")],
        [UnknownRequest(), RuntimeError(SECRET)],
        [RuntimeError(SECRET), OSError(2, "No such file")],
    ],
    ids=repr,
)
def test_what_others_said_is_left_out_and_where_it_came_from_stays(errors: list[Exception]) -> None:
    text = logged(failing(*errors))
    assert SECRET not in text
    assert text.startswith("WARNING It failed")
    for error in errors:
        assert type(error).__qualname__ in text
    assert "test_logs.py" in text


def test_what_an_operator_has_to_know_stays() -> None:
    text = logged(failing(UnknownRequest(), OperationalError("connection refused"), ConnectionResetError("by peer")))
    for said in ("There is no such request", "connection refused", "by peer"):
        assert said in text
