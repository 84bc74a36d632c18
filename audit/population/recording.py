"""What the ledger says of an export, in every namespace of which entries are taken, before the first is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.services import append
from audit.models import Export, ExportedNamespace
from audit.population.counting import Tally
from audit.population.exporting import Order, without_quotes
from audit.population.reading import Extent
from audit.statements.kinds import EntryKind


@transaction.atomic
def record(export: Export, order: Order, tally: Tally, extents: Sequence[Extent], claim: Mapping[str, Any]) -> None:
    """Record how much is taken, by whom. One entry for each namespace; for a population of none, for the one asked.

    ``claim`` is {"count", "export": the row's id, "gaps", "logs": [{"origin", "size"}], "periods": [{"count", "period",
    "root"}], "root"}, roots in hexadecimal: the same as in the file.

    Where the installation's own chain says it, which is not sealed, the search's words are left out.
    """
    export.count, export.root, export.periods = claim["count"], bytes.fromhex(claim["root"]), claim["periods"]
    export.save(update_fields=["count", "root", "periods"])
    namespaces = dict(tally.namespaces) or {order.search.namespace: 0}
    ExportedNamespace.objects.bulk_create(
        [ExportedNamespace(export=export, namespace=name, count=count) for name, count in namespaces.items()]
    )
    for namespace, count in sorted(namespaces.items()):
        parameters = order.search.to_parameters()
        append(
            chain=namespace_chain(Subject.EXPORTS, namespace),
            kind=EntryKind.EVIDENCE_EXPORTED,
            details={
                **claim,
                "periods": [{**period, "root": bytes.fromhex(period["root"])} for period in claim["periods"]],
                "root": export.root,
                # The auditors of this namespace read it, who need not know of others.
                "logs": [extent.as_json() for extent in extents if extent.namespace == namespace],
                "form": order.form.value,
                "namespace": namespace,
                "of_namespace": count,
                "person": order.person,
                "search": parameters if namespace else without_quotes(parameters),
            },
            label=f"Exports of {namespace or 'the installation'}"[:200],
            namespace=namespace,
        )
