"""Typed reading of what a statement says: a missing or misshapen field is a failed step, never a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.verify.steps import Step, require


@dataclass(frozen=True, slots=True)
class Fields:
    """A map of facts, read on behalf of ``step``."""

    values: dict[str, Any]
    step: Step

    def for_step(self, step: Step) -> Fields:
        return Fields(self.values, step)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        require(isinstance(value, str), self.step, f"The field {name!r} is missing or is not text.")
        return str(value)

    def integer(self, name: str) -> int:
        value = self.values.get(name)
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        require(fits, self.step, f"The field {name!r} is missing or is not a whole number from 0.")
        return int(value or 0)

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        require(isinstance(value, bool), self.step, f"The field {name!r} is missing or is neither true nor false.")
        return bool(value)

    def data(self, name: str, length: int | None = None) -> bytes:
        value = self.values.get(name)
        require(isinstance(value, bytes), self.step, f"The field {name!r} is missing or is not bytes.")
        data = bytes(value or b"")
        require(length in (None, len(data)), self.step, f"The field {name!r} is not {length} bytes long.")
        return data

    def list_of_data(self, name: str) -> list[bytes]:
        value = self.values.get(name)
        fits = isinstance(value, list) and all(isinstance(item, bytes) for item in value)
        require(fits, self.step, f"The field {name!r} is missing or is not a list of bytes.")
        return list(value or [])

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.values.get(name)
        require(isinstance(value, dict), self.step, f"The field {name!r} is missing or is not a map.")
        return dict(value or {})

    def list_of_fields(self, name: str) -> list[Fields]:
        value = self.values.get(name)
        fits = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        require(fits, self.step, f"The field {name!r} is missing or is not a list of maps.")
        return [Fields(item, self.step) for item in value or []]
