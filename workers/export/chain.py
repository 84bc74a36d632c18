"""A namespace's chain of manifests: its newest one, and which runs it knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.export import histories, manifests
from workers.export.archives import Shelf
from workers.export.errors import ArchiveBroken, ExportError, NotInArchive
from workers.export.manifests import Entry, Manifest

# A run's times in the server's list and in its history may differ by what databases round away.
_ROUNDING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger says of a chain: it had the manifest ``number``, with this digest. 0 for none."""

    number: int = 0
    digest: str = ""


class Chain:
    """Reads of one namespace's chain. Every call may take seconds and raises ``ExportError``."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def at(self, recorded: Recorded) -> Manifest | None:
        """Return the manifest that the ledger knows as the newest; None for none.

        Raises ``ArchiveBroken`` if the archive has another one, or none.
        """
        if not recorded.number:
            return None
        try:
            manifest = self.read(recorded.number)
        except NotInArchive:
            raise ArchiveBroken(
                f"The ledger recorded manifest {recorded.number} of {self._shelf.namespace}, which the archive lacks: "
                "it was deleted, or EXPORT_TARGET is another archive than before."
            ) from None
        if manifest.digest != recorded.digest:
            raise ArchiveBroken(
                f"Manifest {recorded.number} of {self._shelf.namespace} is not the one that the ledger recorded."
            )
        return manifest

    def after(self, head: Manifest | None) -> Manifest | None:
        """Return the manifest that follows ``head``, or None if there is none (yet)."""
        number = head.number + 1 if head else 1
        before = manifests.name_of(number - 1) if number > 1 else ""
        found = next(iter(self._shelf.names("manifests", after=before)), None)
        if found is None:
            return None
        if found != manifests.name_of(number):
            raise ArchiveBroken(
                f"{self._shelf.namespace}/{found} does not belong there: the next is {manifests.name_of(number)}."
            )
        following = self.read(number)
        with naming(f"{self._shelf.namespace}/{found}"):
            manifests.require_link(following, head, namespace=self._shelf.namespace)
        return following

    def read(self, number: int) -> Manifest:
        """Return a manifest. Raises ``NotInArchive``, ``ArchiveBroken``."""
        name = manifests.name_of(number)
        content = self._shelf.get(name)
        with naming(f"{self._shelf.namespace}/{name}"):
            manifest = manifests.parse(content)
            if manifest.number != number:
                raise ArchiveBroken(f"It calls itself number {manifest.number}.")
        return manifest

    def backwards(self, head: Manifest | None) -> Iterator[Manifest]:
        """Return ``head`` and what came before it, newest first, each as its successor says."""
        while head is not None:
            yield head
            if head.number == 1:
                return
            before = self.read(head.number - 1)
            with naming(f"{self._shelf.namespace}/{before.name}"):
                manifests.require_link(head, before, namespace=self._shelf.namespace)
            head = before

    def known(self, head: Manifest | None, *, since: datetime | None) -> set[str]:
        """Return the ids of the runs in the chain that were closed since then (None: of all)."""
        bound = since - _ROUNDING if since else None
        found: set[str] = set()
        for manifest in self.backwards(head):
            found.update(run.run_id for run in manifest.runs)
            found.update(run.run_id for run in manifest.gone)
            if bound is not None and _is_older(manifest, bound):
                break
        return found

    def check(self, entry: Entry) -> None:
        """Raise ``ArchiveBroken`` unless the archive has the object of ``entry``, as it says."""
        name = manifests.object_name(entry.object)
        with naming(f"{self._shelf.namespace}/{name}"):
            try:
                content = self._shelf.get(name)
            except NotInArchive:
                raise ArchiveBroken(f"It is missing, with run {entry.run_id} of {entry.workflow_id!r}.") from None
            require_object(content, entry)


def require_object(content: bytes, entry: Entry) -> None:
    """Raise ``ExportError`` unless ``content`` is what ``entry`` says."""
    if len(content) != entry.bytes or histories.digest_of(content) != entry.object:
        raise ArchiveBroken(
            f"It was changed: its bytes are not those of run {entry.run_id} of {entry.workflow_id!r} any more."
        )
    if histories.facts_of(histories.read_one(content)) != entry.facts:
        raise ArchiveBroken(f"It is not run {entry.run_id} of {entry.workflow_id!r}, as its manifest says.")


def _is_older(manifest: Manifest, bound: datetime) -> bool:
    """Return whether whatever stands in manifests up to this one was closed before ``bound``."""
    has_ended = manifest.window is not None and manifest.window.end < bound
    return has_ended and (manifest.imported_until is None or manifest.imported_until < bound)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Begin the sentence of what goes wrong with the name of what it is about."""
    try:
        yield
    except ExportError as error:
        raise type(error)(f"{name}: {error}") from None
