"""Columns that are ciphertext in the database, and plain only in the memory of whoever reads a row.

    stored = FF || length of the key id (1 byte) || key id || sealed (``audit.sealing``), or nothing for nothing

Sealed with the ring of the row's namespace; the context names table, column and row, so that what was sealed in one
place opens in no other. FF begins neither UTF-8 nor canonical CBOR: what is stored plainly is known as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, Protocol

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from audit import sealing

_MARK = b"\xff"


class Rings(Protocol):
    """Where rings come from: ``audit.rings.keeping``, which is made of models itself, and so comes later."""

    def ring_to_seal(self, namespace: str) -> sealing.Ring: ...

    def ring_to_open(self, namespace: str, key_id: str) -> sealing.Ring: ...


_rings: Rings


def use(rings: Rings) -> None:
    """Take rings from there, once models are loaded."""
    global _rings
    _rings = rings


class Sealed(bytes):
    """What a column holds, still closed."""

    @property
    def is_plain(self) -> bool:
        """Whether it was stored before columns were sealed."""
        return bool(self) and not self.startswith(_MARK)


class _Opening(DeferredAttribute):
    """Opens a column's value when it is first read from a row."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            field: Any = self.field
            value = instance.__dict__[field.attname] = field.opened(value, *field.place_of(instance))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(models.BinaryField):
    """What is sealed when a row is saved, and opened when its attribute is read.

    ``namespace`` and ``row`` say, as paths of attributes, whose ring seals and which row it is; ``row`` must be known
    before the row is saved, and unique in its table. A row without a namespace is stored plainly. ``vouched``: the
    content is signed, or named by a digest that is, so that what was stored plainly is read as it is.

    Reading raises ``SealingError`` or ``CustodyError``. Lookups and ``update`` do not work: nobody can search it.
    """

    descriptor_class = _Opening
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def __init__(self, *, namespace: str, row: Sequence[str], vouched: bool = False, **options: Any) -> None:
        self.namespace, self.row, self.vouched = namespace, tuple(row), vouched
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        options |= {"namespace": self.namespace, "row": list(self.row)}
        if self.vouched:
            options["vouched"] = True
        return name, path, arguments, options

    def place_of(self, instance: models.Model) -> tuple[str, str]:
        """Return the namespace of ``instance``, and the row in words."""
        return str(_follow(instance, self.namespace)), row_named(_follow(instance, path) for path in self.row)

    def opened(self, value: Sealed, namespace: str, row: str) -> Any:
        """Return the content of ``value``, which is stored in ``row``. Raises ``SealingError`` or ``CustodyError``."""
        if not value:
            return self.decoded(b"")
        if self.vouched and (value.is_plain or not namespace):
            return self.decoded(bytes(value))
        return self.decoded(_unsealed(namespace, bytes(value), self._context(row)))

    def encoded(self, content: Any) -> bytes:
        """Return ``content`` as bytes; nothing is no bytes."""
        return bytes(content)

    def decoded(self, data: bytes) -> Any:
        return data

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        namespace, row = self.place_of(model_instance)
        data = self.encoded(value)
        is_sealed = bool(data) and (bool(namespace) or not self.vouched)
        return Sealed(_sealed(namespace, data, self._context(row)) if is_sealed else data)

    def from_db_value(self, value: Any, expression: object, connection: object) -> Sealed | None:
        # SQLite still has text in a column that held text before it held bytes.
        return None if value is None else Sealed(value.encode() if isinstance(value, str) else value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not value:
            value = Sealed()
        if not isinstance(value, Sealed | None):
            raise TypeError(f"{self.name} is sealed: save the row; it can be neither looked up nor updated in bulk.")
        return super().get_db_prep_value(value, connection, prepared)

    def get_default(self) -> Any:
        return None if self.null else self.decoded(b"")

    def _context(self, row: str) -> bytes:
        return f"{self.model._meta.label_lower}.{self.name}/{row}".encode()


class SealedBytes(SealedField):
    """Bytes, sealed."""

    _pyi_private_set_type: bytes
    _pyi_private_get_type: bytes


class SealedText(SealedField):
    """Text, sealed."""

    _pyi_private_set_type: str
    _pyi_private_get_type: str

    def encoded(self, content: Any) -> bytes:
        return str(content).encode()

    def decoded(self, data: bytes) -> str:
        return data.decode()


class SealedList(SealedField):
    """A list of what JSON can carry, sealed."""

    _pyi_private_set_type: list[Any]
    _pyi_private_get_type: list[Any]

    def encoded(self, content: Any) -> bytes:
        return json.dumps(content).encode() if content else b""

    def decoded(self, data: bytes) -> list[Any]:
        return list(json.loads(data)) if data else []


def row_named(values: Iterable[Any]) -> str:
    """Return which row ``values`` name: those of the attributes that a field lists as ``row``."""
    return json.dumps([value if isinstance(value, str | int) else bytes(value).hex() for value in values])


def _follow(instance: models.Model, path: str) -> Any:
    return reduce(getattr, path.split("."), instance)


def _sealed(namespace: str, data: bytes, context: bytes) -> bytes:
    key_id, sealed = sealing.seal(_rings.ring_to_seal(namespace), data, context=context)
    name = key_id.encode()
    return _MARK + bytes([len(name)]) + name + sealed


def _unsealed(namespace: str, stored: bytes, context: bytes) -> bytes:
    start = 2 + int.from_bytes(stored[1:2])
    name = stored[2:start]
    if not stored.startswith(_MARK) or not name.isalnum():
        raise sealing.NotGenuine(key_id="", namespace=namespace)
    key_id = name.decode()
    return sealing.unseal(_rings.ring_to_open(namespace, key_id), key_id, stored[start:], context=context)
