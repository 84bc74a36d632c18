"""What was exported, in the ledger: the word from outside the archive on where its chain ends."""

from __future__ import annotations

from django.db import transaction

from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.queries import details_of
from audit.ledger.services import append
from audit.models import LedgerChain, LedgerEntry
from audit.statements.kinds import EntryKind
from workers.export.chain import Recorded
from workers.export.errors import ArchiveBroken
from workers.export.manifests import Manifest


def recorded(namespace: str) -> Recorded:
    """Return the newest manifest of ``namespace`` that the ledger knows."""
    newest = (
        LedgerEntry.objects.filter(chain=namespace_chain(Subject.EXPORTS, namespace), kind=EntryKind.HISTORY_EXPORTED)
        .order_by("-sequence")
        .first()
    )
    if newest is None:
        return Recorded()
    details = details_of(newest)
    return Recorded(number=details["number"], digest=details["digest"].hex())


@transaction.atomic
def record(manifest: Manifest) -> None:
    """Record a manifest, once; recording it again is harmless.

    Raises ``ArchiveBroken`` if the ledger has another one of that number, or lacks the one before.
    """
    chain = namespace_chain(Subject.EXPORTS, manifest.namespace)
    LedgerChain.objects.select_for_update().filter(name=chain).first()
    last = recorded(manifest.namespace)
    if last == Recorded(manifest.number, manifest.digest):
        return
    if last != Recorded(manifest.number - 1, manifest.previous):
        raise ArchiveBroken(
            f"Manifest {manifest.number} of {manifest.namespace} does not follow what the ledger recorded last: number "
            f"{last.number}."
        )
    append(
        chain=chain,
        kind=EntryKind.HISTORY_EXPORTED,
        details={
            "digest": bytes.fromhex(manifest.digest),
            "gone": len(manifest.gone),
            "kind": manifest.kind,
            "namespace": manifest.namespace,
            "number": manifest.number,
            "runs": len(manifest.runs),
            "window_end": manifest.window.end.isoformat() if manifest.window else "",
            "window_start": manifest.window.start.isoformat() if manifest.window else "",
        },
        label=f"Exports of {manifest.namespace}",
        namespace=manifest.namespace,
    )
