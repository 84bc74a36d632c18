"""Adding Countersign's extensions, and the issuer, to a warrant that Tenuo made; and a child for a key elsewhere.

Tenuo takes no extensions, but signs and keeps them; and it signs with keys in memory only, which the issuer's need not
be in, and a person's never is. So all is put into what Tenuo made with another key, and whoever it names signs it.

    envelope = [1, bstr payload, [1, bstr signature]]
    message  = "tenuo-warrant-v1" || 01 || payload         key 5 of the payload is the issuer [1, bstr], 10 the
                                                           extensions, sorted by name

Tenuo reads the result back, and refuses it if a byte is out of place. Floats are written in their shortest form, as
Tenuo writes them: Tenuo would take longer ones too, but browsers refuse what is not canonical.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
import tenuo_core
from tenuo.exceptions import TenuoError

from audit.statements import cbor
from audit.statements.statements import Signer

CONTEXT = b"tenuo-warrant-v1" + b"\x01"
_HOLDER = 4
_ISSUER = 5
_EXPIRES_AT = 7
_MAXIMUM_DEPTH = 8
_PARENT_HASH = 9
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
    payload = _encoded(facts)
    return read_back(enveloped(payload, issuer.sign(CONTEXT + payload)))


def child_of(
    parent: tenuo_core.Warrant, *, holder: bytes, tools: Collection[str] | None = None, expires_at: int | None = None
) -> bytes:
    """Return the payload with which the holder of ``parent`` hands it on to ``holder``, not yet signed.

    Tenuo makes the child, from a parent that is the same but for its keys, so that what is inherited is Tenuo's to
    say. ``tools`` are all of the parent's if None, ``expires_at`` (UTC seconds) is the parent's.
    """
    own, passing = tenuo_core.SigningKey.generate(), tenuo_core.SigningKey.generate()
    facts = cbor2.loads(bytes(parent.payload_bytes))
    same = _encoded({**facts, _HOLDER: _key(passing.public_key), _ISSUER: _key(own.public_key)})
    builder = read_back(enveloped(same, own.sign_raw(CONTEXT + same))).attenuate_builder()
    builder.inherit_all()
    if tools is not None:
        builder.retain_tools(sorted(tools))
    builder.with_holder(tenuo_core.PublicKey.from_bytes(holder))
    child = cbor2.loads(bytes(builder.delegate(passing).payload_bytes))
    child[_ISSUER] = facts[_HOLDER]
    child[_PARENT_HASH] = list(hashlib.sha256(bytes(parent.payload_bytes)).digest())
    if expires_at is not None:
        child[_EXPIRES_AT] = min(expires_at, facts[_EXPIRES_AT])
    return _encoded(child)


def _key(key: tenuo_core.PublicKey) -> list[Any]:
    return [1, bytes(key.to_bytes())]


def enveloped(payload: bytes, signature: bytes) -> bytes:
    return cbor2.dumps([1, payload, [1, bytes(signature)]])


def read_back(data: bytes) -> tenuo_core.Warrant:
    """Return the warrant in ``data``, its signature verified by Tenuo. Raises ``ValueError`` for any other bytes."""
    try:
        warrant = tenuo_core.Warrant.from_bytes(data)
    except (TenuoError, ValueError) as error:
        raise ValueError(f"Tenuo cannot read the warrant: {error}") from error
    if bytes(warrant.to_bytes()) != data:
        raise ValueError("Tenuo reads the warrant differently from how it was written.")
    return warrant


def _encoded(facts: Mapping[int, Any]) -> bytes:
    return cbor2.dumps(_with_marked_floats(dict(sorted(facts.items()))), default=_write_shortest)


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
