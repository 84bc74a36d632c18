"""The integrator: gives entries their places in the logs, and signs what the logs hold.

leaf of an entry = its entry hash (``audit.statements.entries``), 32 bytes; in the tree: SHA-256(00 || entry hash)

The entry hash is over what the entry says, with its chain, its sequence and the hash before it, so that a leaf vouches
for all of its chain so far. The signature is not in it: it is checked beside, and needs the key of the checkpoint.

Entries are written with what they record, and wait. The integrator takes them in the order of their writing, under
the lock of their log alone: no entry waits for it, and any number of processes may run it.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from audit.keys.services import ledger_key
from audit.log.errors import LogBroken
from audit.log.tiles import Tiles
from audit.models import Leaf, Log, LogCheckpoint, PendingLeaf
from audit.statements import merkle
from audit.statements.notes import Checkpoint, MalformedNote, open_checkpoint, sign_checkpoint

BATCH = 500


def integrate(*, batch: int = BATCH) -> int:
    """Give every waiting entry its place, and sign a checkpoint after each ``batch``; return how many got one.

    Logs that another process is at are left to it. Raises ``LogBroken`` for a log that is not what was signed of it,
    after the others; ``CustodyError`` if the ledger's key does not open.
    """
    placed, broken = 0, None
    waiting = PendingLeaf.objects.order_by().values_list("entry__chain__namespace", flat=True)
    for namespace in sorted(set(waiting.distinct())):
        Log.objects.get_or_create(namespace=namespace, defaults={"origin": origin_of(namespace)})
        try:
            while done := _integrate(namespace, batch):
                placed += done
        except LogBroken as error:
            broken = error
    if broken is not None:
        raise broken
    return placed


def origin_of(namespace: str) -> str:
    """Return the name of a new log: the site's, and the namespace in the form it has in addresses."""
    host = urlsplit(settings.SITE_ROOT).netloc
    return f"{host}/ledger/{quote(namespace, safe='')}" if namespace else f"{host}/ledger"


@transaction.atomic
def _integrate(namespace: str, batch: int) -> int:
    log = Log.objects.select_for_update(skip_locked=True).filter(namespace=namespace).first()
    if log is None:
        return 0
    pending = PendingLeaf.objects.filter(entry__chain__namespace=namespace).order_by("pk")
    waiting = list(pending.values_list("pk", "entry__entry_hash")[:batch])
    if not waiting:
        return 0
    key, tiles = ledger_key(), Tiles(log)
    _require_signed(log, tiles, key)
    Leaf.objects.bulk_create(
        [Leaf(log=log, position=position, entry_id=entry) for position, (entry, _) in enumerate(waiting, log.size)]
    )
    tiles.extend(log.size, [merkle.leaf_hash(bytes(entry_hash)) for _, entry_hash in waiting])
    log.size += len(waiting)
    log.save(update_fields=["size"])
    checkpoint = Checkpoint(log.origin, log.size, merkle.root(log.size, tiles.read))
    LogCheckpoint.objects.create(log=log, size=log.size, note=sign_checkpoint(checkpoint, key))
    PendingLeaf.objects.filter(pk__in=[entry for entry, _ in waiting]).delete()
    return len(waiting)


def _require_signed(log: Log, tiles: Tiles, key: Ed25519PrivateKey) -> None:
    """Raise ``LogBroken`` unless the newest checkpoint is of the tree as it is stored: what is signed must go on."""
    newest = LogCheckpoint.objects.filter(log=log).order_by("-size").first()
    if newest is None and log.size == 0:
        return
    if newest is None:
        raise LogBroken(log.origin, "It has entries, and no checkpoint.")
    try:
        checkpoint = open_checkpoint(newest.note.encode(), key.public_key().public_bytes_raw())
    except MalformedNote as error:
        raise LogBroken(log.origin, f"Its newest checkpoint does not verify: {error}") from error
    if checkpoint != Checkpoint(log.origin, log.size, merkle.root(log.size, tiles.read)):
        raise LogBroken(log.origin, f"Its tree is not that of its newest checkpoint, at {checkpoint.size} entries.")
