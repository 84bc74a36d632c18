"""What a decision is bound to, beyond the request hash that Tenuo checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from audit.statements.statements import require_bytes, require_text

MAXIMUM_REASON = 2000
MAXIMUM_POLICY_VERSION = 100
_PLACE = ("request_id", "namespace", "workflow_id", "run_id")


@dataclass(frozen=True, slots=True)
class Binding:
    """One request of one run, what was shown about it, and the policy: a decision about it is worthless anywhere else.

    ``display_digest`` is that of ``approvals.signing.display``; ``policy_version`` names the policy that the root
    warrant was minted under, such as ``incident-response@3``, and is empty without one.
    """

    request_id: str
    namespace: str
    workflow_id: str
    run_id: str
    display_digest: bytes
    policy_version: str

    def to_facts(self) -> dict[str, Any]:
        return {field: getattr(self, field) for field in self.__dataclass_fields__}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        return cls(
            **{field: require_text(field, facts.get(field), 1000) for field in _PLACE},
            display_digest=require_bytes("display_digest", facts.get("display_digest"), 32),
            policy_version=require_text("policy_version", facts.get("policy_version"), MAXIMUM_POLICY_VERSION),
        )

    def difference(self, other: Binding) -> str:
        """Return the first field in which ``other`` is bound elsewhere; empty if there is none."""
        fields = self.__dataclass_fields__
        return next((field for field in fields if getattr(self, field) != getattr(other, field)), "")
