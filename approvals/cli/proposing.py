"""Other arguments, typed as NAME=VALUE: each keeps the type it was asked with. The browser's: ``lib/proposal.js``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from approvals.agent_text import visible
from approvals.cli.failures import CannotGoOn
from approvals.signing import proposal
from audit.statements import cbor
from audit.statements.statements import MalformedStatement


def proposed(asked: dict[str, Any], given: Sequence[str]) -> bytes | None:
    """Return the bytes of ``asked`` with what is ``given`` instead; None for nothing. Raises ``CannotGoOn``."""
    if not given:
        return None
    arguments = dict(asked)
    for item in given:
        name, separator, text = item.partition("=")
        if not separator or name not in asked:
            raise CannotGoOn(f"{visible(item)} is not NAME=VALUE with the name of one of the call's arguments.")
        arguments[name] = _typed(name, asked[name], text)
    try:
        data = cbor.encode(arguments)
        proposal.require_other(data, cbor.encode(asked))
    except (cbor.MalformedBytes, MalformedStatement) as error:
        raise CannotGoOn(f"{error} Nothing was signed.") from error
    return data


def _typed(name: str, asked: Any, text: str) -> Any:
    try:
        if isinstance(asked, str):
            return text
        if isinstance(asked, bool):
            return {"true": True, "false": False}[text]
        if isinstance(asked, int):
            return int(text)
        if isinstance(asked, float) and math.isfinite(number := float(text)):
            return number
    except (ValueError, KeyError):
        pass
    raise CannotGoOn(f"{visible(name)} must be of the type that was asked: it was {visible(repr(asked))}.")
