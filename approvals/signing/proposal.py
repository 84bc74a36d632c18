"""Other arguments that a denial may propose: the same names, other values, as plain data.

    proposed_arguments = canonical CBOR of a map of text to null, boolean, integer, float, text, or lists and maps of
                         those

The browser's twin is ``static/js/lib/proposal.js``.
"""

from __future__ import annotations

from typing import Any

from audit.statements import cbor
from audit.statements.statements import MalformedStatement

FIELD = "proposed_arguments"
MAXIMUM_BYTES = 8 * 1024


def read(data: Any) -> dict[str, Any]:
    """Return the arguments in ``data``. Raises ``MalformedStatement``."""
    if not isinstance(data, bytes) or len(data) > MAXIMUM_BYTES:
        raise MalformedStatement(FIELD, f"The proposed arguments are not at most {MAXIMUM_BYTES} bytes.")
    try:
        arguments = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement(FIELD, f"The proposed arguments cannot be read. {error}") from error
    if not isinstance(arguments, dict) or not _is_plain(arguments):
        raise MalformedStatement(FIELD, "The proposed arguments are not a map of names and plain values.")
    return arguments


def require_other(data: bytes, asked: bytes) -> None:
    """Raise ``MalformedStatement`` unless ``data`` has the names of the ``asked`` arguments, and other values."""
    if data == asked:
        raise MalformedStatement(FIELD, "The proposed arguments are the asked ones.")
    if read(data).keys() != cbor.decode(asked).keys():
        raise MalformedStatement(FIELD, "The proposed arguments have other names than the asked ones.")


def _is_plain(value: Any) -> bool:
    """Return whether JSON can carry ``value`` as it is."""
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))
