"""A fresh installation: its environment, its database, and what can be read of it afterwards."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

import django
from django.core.management import call_command

from chaos import effects
from chaos.plan import PEOPLE
from chaos.processes import free_port
from chaos.verdict import Found


def configure(directory: Path, database: str) -> tuple[str, int]:
    """Set the environment of all processes and load Django here; return the site's address and Temporal's port."""
    web, temporal = free_port(), free_port()
    for name in ("TENUO_CONNECT_TOKEN", "TENUO_CONTROL_PLANE_URL", "SECRET_KEY_FILE", "KEY_ENCRYPTION_KEY_FILE"):
        os.environ.pop(name, None)
    os.environ.update(
        {
            "DATA_DIR": str(directory),
            "DATABASE_URL": _database(database),
            "SITE_ROOT": f"http://localhost:{web}",
            "LISTEN_PORT": str(web),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}",
            "LOCAL_ACCOUNTS": "true",
            "LOG_LEVEL": "WARNING",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            effects.FILE_VARIABLE: str(directory / "effects.jsonl"),
        }
    )
    django.setup()
    call_command("setup", verbosity=0)
    return os.environ["SITE_ROOT"], temporal


def _database(kind: str) -> str:
    if kind == "sqlite":
        return "sqlite://"
    from tests.postgresql import start_postgresql

    return start_postgresql()


def requests() -> list[Found]:
    """Return all requests, oldest first."""
    from approvals.models import ApprovalRequest, Delivery
    from approvals.models.delivery import UNDELIVERED
    from audit.statements import cbor

    waiting = set(Delivery.objects.filter(UNDELIVERED).values_list("approval_request_id", flat=True))
    return [
        Found(
            request_id=row.pk,
            call=cbor.decode(bytes(row.arguments_cbor))["call"],
            state=row.state,
            request_hash=bytes(row.request_hash),
            decided={
                decision.person.username: decision.kind
                for decision in row.decisions.select_related("person")
                if decision.person is not None
            },
            is_delivered=row.pk not in waiting,
        )
        for row in ApprovalRequest.objects.order_by("opened_at", "pk").prefetch_related("decisions")
    ]


def people_by_key() -> dict[bytes, str]:
    """Return whose the enrolled keys are."""
    from accounts.models import ApproverKey

    keys = ApproverKey.objects.filter(person__username__in=PEOPLE).select_related("person")
    return {bytes(key.public_key): key.person.username for key in keys}


def is_at_rest() -> bool:
    """Whether every request has ended, every delivery is made, and every run has reported its end."""
    from approvals.models import ApprovalRequest, ClosedRun, Delivery
    from approvals.models.delivery import UNDELIVERED
    from approvals.models.request import UNFINISHED

    chains = ApprovalRequest.objects.values("chain").distinct().count()
    return (
        not ApprovalRequest.objects.filter(state__in=UNFINISHED).exists()
        and not Delivery.objects.filter(UNDELIVERED).exists()
        and ClosedRun.objects.count() >= chains
    )


def unverified(chains: list[str], people_root: str) -> list[str]:
    """Return a sentence for each incident whose exported evidence does not verify with nothing but the two roots."""
    from audit.export.services import bundle_of
    from audit.verify.verifier import verify
    from warrants.issuers.queries import trusted_roots

    roots = [root.hex() for root in trusted_roots()]
    sentences = []
    for chain in chains:
        report = verify(b"".join(bundle_of(chain).lines()), roots=roots, people_roots=[people_root])
        if not report.verified:
            failed = next((line.as_text() for line in report.lines if line.failure), "")
            sentences.append(f"The receipts of {chain} do not verify. {failed}")
    return sentences
