"""``manage.py setup``: everything an installation needs before it starts. Running it again changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from audit.custody import CustodyError
from audit.keys.contracts import Purpose
from audit.keys.push import ensure_push_key
from audit.keys.services import ensure_service_key
from audit.rings.services import ensure_ring
from warrants.agents.services import ensure_agent
from warrants.issuers.services import ensure_issuer
from workers.incident.alerts.services import AGENT


class Command(BaseCommand):
    help = "Prepare the data directory, the database, the service's keys and the static files."

    def handle(self, *args: Any, **options: Any) -> None:
        directory = Path(settings.DATA_DIR)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        for purpose in Purpose:
            ensure_service_key(purpose=purpose)
        ensure_push_key()
        try:
            issuer = ensure_issuer()
        except CustodyError as error:
            raise CommandError(str(error)) from error
        for namespace in settings.NAMESPACES:
            ensure_ring(namespace=namespace.name)
        ensure_agent(name=AGENT)
        if _static_files_are_old():
            _collect_static_files()
        if issuer.keeper != settings.ISSUER_KEEPER:
            self.stderr.write(
                f"ISSUER_KEEPER is {settings.ISSUER_KEEPER}, but the root key is {issuer.keeper}: a key that exists "
                "stays where it is."
            )
        if options["verbosity"]:
            self.stdout.write(f"Ready. The root key is {bytes(issuer.public_key).hex()}")


def _static_files_are_old() -> bool:
    """Whether a collected file is missing, or older than where it comes from. Development serves the originals."""
    if settings.DEBUG:
        return False
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not manifest.exists():
        return True
    collected_at = manifest.stat().st_mtime
    return any(
        Path(storage.path(path)).stat().st_mtime > collected_at
        for finder in get_finders()
        for path, storage in finder.list(None)
    )


def _collect_static_files() -> None:
    # From nothing, so that what was removed from the tree is no longer served.
    shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
    call_command("collectstatic", interactive=False, verbosity=0)
