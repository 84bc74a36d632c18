"""What the ledger says of an export: to every namespace of which entries are taken, before the first of them is sent."""

from __future__ import annotations

from django.db import transaction

from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.services import append
from audit.models import Export, ExportedNamespace
from audit.population.counting import Tally
from audit.population.exporting import Order, without_quotes
from audit.statements.kinds import EntryKind
from audit.statements.population import Totals


@transaction.atomic
def record(export: Export, order: Order, tally: Tally, totals: Totals) -> None:
    """Record how much is taken, by whom. One entry for each namespace; for a population of none, for the one asked.

    Where the installation's own chain says it, which is not sealed, the search's words are left out.
    """
    export.count, export.root = totals.count, totals.root
    export.periods = [period.as_json() for period in totals.periods]
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
                "count": totals.count,
                "export": str(export.pk),
                "form": order.form.value,
                "namespace": namespace,
                "of_namespace": count,
                "periods": [period.as_json() for period in totals.periods],
                "person": order.person,
                "root": totals.root,
                "search": parameters if namespace else without_quotes(parameters),
            },
            label=f"Exports of {namespace or 'the installation'}"[:200],
            namespace=namespace,
        )
