"""What a decision is bound to, beyond the request hash that Tenuo checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from audit.statements.statements import require_text

MAXIMUM_REASON = 2000
_TEXT_FIELDS = ("request_id", "namespace", "workflow_id", "run_id")


@dataclass(frozen=True, slots=True)
class Binding:
    """One request of one run: an approval or denial for it is worthless anywhere else."""

    request_id: str
    namespace: str
    workflow_id: str
    run_id: str

    def to_facts(self) -> dict[str, Any]:
        return {field: getattr(self, field) for field in _TEXT_FIELDS}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        return cls(**{field: require_text(field, facts.get(field), 1000) for field in _TEXT_FIELDS})
