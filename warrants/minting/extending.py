"""Adding Countersign's extensions, and the issuer, to a warrant that Tenuo made.

Tenuo takes no extensions, but signs and keeps them; and it signs with keys in memory only, which the issuer's need not
be in. So both are put into what Tenuo made with another key, and the issuer signs the whole.

    envelope = [1, bstr payload, [1, bstr signature]]
    message  = "tenuo-warrant-v1" || 01 || payload         key 5 of the payload is the issuer [1, bstr], 10 the
                                                           extensions, sorted by name

Tenuo reads the result back, and refuses it if a byte is out of place. Floats are written in their shortest form, as
Tenuo writes them: Tenuo would take longer ones too, but browsers refuse what is not canonical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
import tenuo_core

from audit.statements import cbor
from audit.statements.statements import Signer

_CONTEXT = b"tenuo-warrant-v1" + b"\x01"
_ISSUER = 5
_MAXIMUM_DEPTH = 8
_EXTENSIONS = 10


def with_extensions(
    plain: tenuo_core.Warrant, added: Mapping[str, bytes], issuer: Signer, *, maximum_depth: int | None = None
) -> tenuo_core.Warrant:
    """Return ``plain`` with ``added`` in it, by name, issued and signed by ``issuer``.

    ``maximum_depth``: how often it may be handed on; None leaves that as it is.
    Tenuo verifies the signature as it reads the result back. Raises what the signer's ``sign`` raises.
    """
    facts = cbor2.loads(bytes(plain.payload_bytes))
    extensions = {**facts.get(_EXTENSIONS, {}), **{name: list(data) for name, data in added.items()}}
    facts[_ISSUER] = [1, issuer.public_key().public_bytes_raw()]
    facts[_EXTENSIONS] = dict(sorted(extensions.items()))
    if maximum_depth is not None:
        facts[_MAXIMUM_DEPTH] = maximum_depth
    payload = cbor2.dumps(_with_marked_floats(dict(sorted(facts.items()))), default=_write_shortest)
    data = cbor2.dumps([1, payload, [1, issuer.sign(_CONTEXT + payload)]])
    warrant = tenuo_core.Warrant.from_bytes(data)
    if bytes(warrant.to_bytes()) != data:
        raise ValueError("Tenuo reads the warrant with Countersign's extensions differently from how it was written.")
    return warrant


@dataclass(frozen=True, slots=True)
class _Float:
    value: float


def _with_marked_floats(value: Any) -> Any:
    """Return ``value`` with every float as a ``_Float``, for which the encoder asks ``_write_shortest``."""
    if isinstance(value, float):
        return _Float(value)
    if isinstance(value, dict):
        return {key: _with_marked_floats(inner) for key, inner in value.items()}
    return [_with_marked_floats(inner) for inner in value] if isinstance(value, list) else value


def _write_shortest(encoder: cbor2.CBOREncoder, marked: _Float) -> None:
    encoder.write(cbor.encode(marked.value))
