"""What workers say of the list and of the trusted roots that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils import timezone

from warrants.models import ListConfirmation
from warrants.revocation.contracts import Held


def confirm(held: Sequence[Held]) -> None:
    """Record what each worker holds from now on."""
    now = timezone.now()
    ListConfirmation.objects.bulk_create(
        [
            ListConfirmation(
                worker=one.worker,
                namespace=one.namespace,
                version=one.version,
                roots=one.roots,
                confirmed_at=now,
                seen_at=now,
            )
            for one in held
        ],
        update_conflicts=True,
        unique_fields=["worker", "namespace"],
        update_fields=["version", "roots", "confirmed_at", "seen_at"],
    )


def still_here(workers: Iterable[str]) -> None:
    """Record that these workers go on with what they confirmed."""
    ListConfirmation.objects.filter(worker__in=list(workers)).update(seen_at=timezone.now())


def forget(workers: Iterable[str]) -> None:
    """Forget workers that stop in order: they run nothing any more."""
    ListConfirmation.objects.filter(worker__in=list(workers)).delete()
