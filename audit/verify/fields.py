"""Typed reading of what a statement says: a missing or misshapen field is a failed step, never a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.verify.steps import Refused, Step


@dataclass(frozen=True, slots=True)
class Fields:
    """A map of facts, read on behalf of ``step``."""

    values: dict[str, Any]
    step: Step

    def for_step(self, step: Step) -> Fields:
        return Fields(self.values, step)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self._refused(name, "text")
        return value

    def integer(self, name: str) -> int:
        value = self.values.get(name)
        if type(value) is not int or value < 0:
            raise self._refused(name, "a whole number from 0")
        return value

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if not isinstance(value, bool):
            raise Refused(self.step, f"The field {name!r} is missing or is neither true nor false.")
        return value

    def data(self, name: str, length: int | None = None) -> bytes:
        value = self.values.get(name)
        if not isinstance(value, bytes):
            raise self._refused(name, "bytes")
        if length is not None and len(value) != length:
            raise Refused(self.step, f"The field {name!r} is not {length} bytes long.")
        return value

    def list_of_data(self, name: str) -> list[bytes]:
        value = self.values.get(name)
        if not isinstance(value, list) or set(map(type, value)) - {bytes}:
            raise self._refused(name, "a list of bytes")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self._refused(name, "a map")
        return value

    def list_of_fields(self, name: str) -> list[Fields]:
        value = self.values.get(name)
        if not isinstance(value, list) or set(map(type, value)) - {dict}:
            raise self._refused(name, "a list of maps")
        return [Fields(item, self.step) for item in value]

    def _refused(self, name: str, what: str) -> Refused:
        return Refused(self.step, f"The field {name!r} is missing or is not {what}.")
