"""``manage.py export_ring NAMESPACE``"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.custody import CustodyError
from audit.keepers.aws_kms import KmsKeeper
from audit.keepers.contracts import Keeper
from audit.keepers.local import LocalKeeper
from audit.rings.queries import NoRing, ring_of
from audit.rings.services import record_export
from workers.codec.files import dump


class Command(BaseCommand):
    help = (
        "Write a namespace's ring for workers elsewhere, its keys wrapped with a key of theirs. Write it anew after "
        "every rotation: they read it again by themselves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("namespace")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the ring file to write")
        wrapping = parser.add_mutually_exclusive_group(required=True)
        wrapping.add_argument(
            "--key-file", type=Path, metavar="FILE", help="wrap with the key in FILE; made if missing"
        )
        wrapping.add_argument("--kms-key", default="", metavar="KEY", help="wrap with this AWS KMS key")

    def handle(
        self, *args: Any, namespace: str, output: Path, key_file: Path | None, kms_key: str, **options: Any
    ) -> None:
        try:
            ring = ring_of(namespace)
            content = dump(ring, keeper=_keeper(key_file, kms_key))
            # Said before it leaves: an export that the ledger does not know must not be.
            record_export(namespace=namespace, key_ids=sorted(ring.keys), by="command line")
            _replace(output, content)
        except (NoRing, CustodyError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or output} cannot be used: {error.strerror}.") from error
        self.stdout.write(f"Wrote the ring of {namespace}, {len(ring.keys)} keys, to {output}.")


def _keeper(key_file: Path | None, kms_key: str) -> Keeper:
    if key_file is None:
        return KmsKeeper(kms_key)
    if not key_file.exists():
        _create(key_file, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return LocalKeeper(key_file.read_text().strip(), name=str(key_file))


def _replace(file: Path, content: str) -> None:
    """Put ``content`` in the place of ``file`` in one step: whoever reads it meanwhile gets the old or the new."""
    partial = file.with_name(f"{file.name}.partial-{os.getpid()}")
    _create(partial, content)
    partial.replace(file)


def _create(file: Path, content: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(content)
