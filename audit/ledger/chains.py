"""Which chains are the service's own, for queries."""

from __future__ import annotations

from django.db.models import Q

from audit.statements.chains import SERVICE_CHAINS, Subject, is_service_chain, namespace_chain

__all__ = ["SERVICE_CHAINS", "Subject", "is_service_chain", "namespace_chain", "of_the_service"]


def of_the_service() -> Q:
    """Return the condition that a ``LedgerChain`` is one of the service's own."""
    condition = Q(name__in=SERVICE_CHAINS)
    for subject in Subject:
        condition |= Q(name__startswith=f"{subject}.")
    return condition
