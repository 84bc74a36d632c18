"""What leaves the index when it is erased or removed. Call it in the same transaction, after the erasing."""

from __future__ import annotations

from audit.models import IndexedEntry, IndexState, SearchTerm, TermSource


def forget_arguments(*, chain: str, sequence: int) -> None:
    """Nobody finds an entry by its arguments any more."""
    SearchTerm.objects.filter(
        entry__entry__chain=chain, entry__entry__sequence=sequence, source=TermSource.ARGUMENT
    ).delete()


def forget_chain(*, chain: str) -> None:
    """Nothing is known of what the entries of ``chain`` say, but when and of which kind they are."""
    SearchTerm.objects.filter(entry__chain=chain).delete()
    IndexedEntry.objects.filter(chain=chain).update(
        tool="", agent="", person="", by="", key="", by_key="", request_id="", workflow_id="", waited_ms=None,
        state=IndexState.CLOSED,
    )  # fmt: skip
