"""Which ring seals what crosses from one namespace to another over Nexus.

Each endpoint has an exchange ring of its own, held by both sides, so that neither holds the other's keys. A caller and
a handler meet in the endpoint's name; the workflow behind an operation takes its input and gives its result under its
own id, so it is told by the beginning of that id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from temporalio.converter import NexusSerializationContext, SerializationContext, WorkflowSerializationContext


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Names of exchange rings, by Nexus endpoint and by what ids of workflows behind operations begin with."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    workflow_prefixes: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """The rings that payloads may be sealed with, beside the namespace's own."""
        return frozenset([*self.endpoints.values(), *self.workflow_prefixes.values()])

    def ring_for(self, context: SerializationContext) -> str:
        """Return the name of the exchange ring for ``context``, or nothing."""
        if isinstance(context, NexusSerializationContext):
            return self.endpoints.get(context.endpoint, "")
        if isinstance(context, WorkflowSerializationContext):
            found = (ring for prefix, ring in self.workflow_prefixes.items() if context.workflow_id.startswith(prefix))
            return next(found, "")
        return ""
