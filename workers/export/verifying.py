"""Checking an archive with nothing else at hand: no server, no database, no keys. Pure.

Checked, in this order, for each namespace: the manifests are numbered without a gap, each is canonical and follows the
one before it; windows leave no gap; no run is listed twice; every object is there, has its digest, and is the closed
run that its manifest says. That the end of the chain was not cut off only something outside can tell: the ledger's
``history.exported`` entries, which hold each manifest's number and digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from workers.export import manifests
from workers.export.archives import Archive, Shelf
from workers.export.chain import Chain, Recorded, naming
from workers.export.errors import ExportError, TargetUnreachable
from workers.export.manifests import Manifest

Result = TypeVar("Result")


@dataclass
class Verified:
    """What was found of one namespace. ``faults`` holds a sentence for each; ``unlisted`` objects are harmless."""

    namespace: str
    manifests: int = 0
    runs: int = 0
    gone: int = 0
    unlisted: int = 0
    newest: str = ""
    faults: list[str] = field(default_factory=list)


def verify(archive: Archive, namespace: str, recorded: Recorded | None = None) -> Verified:
    """Check one namespace's part of ``archive``, also against what the ledger ``recorded``, if that is known.

    Raises ``TargetUnreachable`` if the archive does not answer, which says nothing about it.
    """
    shelf = Shelf(archive, namespace)
    found, seen, objects = Verified(namespace), set[str](), set[str]()
    chain = Chain(shelf)
    for manifest in _manifests(shelf, chain, found, recorded):
        found.manifests += 1
        found.gone += len(manifest.gone)
        found.newest = manifest.digest
        for run_id in (*(run.run_id for run in manifest.runs), *(gone.run_id for gone in manifest.gone)):
            if run_id in seen:
                found.faults.append(f"{namespace}/{manifest.name}: Run {run_id} is listed a second time.")
            seen.add(run_id)
        for entry in manifest.runs:
            found.runs += 1
            objects.add(manifests.object_name(entry.object))
            _noting(found, partial(chain.check, entry))
    found.unlisted = sum(1 for name in shelf.names("objects") if name not in objects)
    return found


def _manifests(shelf: Shelf, chain: Chain, found: Verified, recorded: Recorded | None) -> Iterator[Manifest]:
    """Return the manifests that can be read, noting what is wrong with their chain."""
    before: Manifest | None = None
    expected = 1
    for name in shelf.names("manifests"):
        number = manifests.number_in(name)
        if number < expected:
            found.faults.append(f"{shelf.namespace}/{name} does not belong there.")
            continue
        for missing in range(expected, number):
            found.faults.append(f"{shelf.namespace}/{manifests.name_of(missing)} is missing.")
        manifest = _noting(found, partial(chain.read, number))
        if manifest is not None:
            is_next = number == expected and (before is not None or number == 1)
            if is_next:
                _noting(found, partial(_require_link, shelf, manifest, before))
            yield manifest
        before, expected = manifest, number + 1
        if recorded is not None and number == recorded.number and (not manifest or manifest.digest != recorded.digest):
            found.faults.append(f"{shelf.namespace}/{name} is not the manifest that the ledger recorded.")
    if recorded is not None and expected <= recorded.number:
        found.faults.append(
            f"{shelf.namespace}: The ledger recorded manifest {recorded.number}, but the archive ends at "
            f"{expected - 1}: its end was cut off."
        )


def _require_link(shelf: Shelf, manifest: Manifest, before: Manifest | None) -> None:
    with naming(f"{shelf.namespace}/{manifest.name}"):
        manifests.require_link(manifest, before, namespace=shelf.namespace)


def _noting(found: Verified, check: Callable[[], Result]) -> Result | None:
    try:
        return check()
    except TargetUnreachable:
        raise
    except ExportError as error:
        found.faults.append(str(error))
        return None
