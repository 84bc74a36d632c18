"""``python -m tests.approvals.notifying_process REQUESTS``: asks Ada, and tells her in a process to be killed."""

from __future__ import annotations

import asyncio
import os
import sys

import django


def ask(count: int) -> None:
    """Open ``count`` requests."""
    from django.db import transaction

    from approvals.requests import services
    from audit.keys.contracts import Purpose
    from audit.keys.services import ensure_service_key
    from tests.approvals import factories

    ensure_service_key(purpose=Purpose.LEDGER)
    with transaction.atomic():
        ada = factories.approver("ada")
        ada.person.email = "ada@mail.example"
        ada.person.save(update_fields=["email"])
        minted = factories.mint(ada)
        for number in range(count):
            services.open(gate_request=factories.gate_request(minted, workflow_id=f"incident-{number}"))


def notify() -> None:
    from workers.development_server import die_with_parent
    from workers.notifier import keep_notifying

    die_with_parent()
    # So that the next process need not wait for what takes a minute.
    asyncio.run(keep_notifying(poll_seconds=0.05, lease_seconds=0.5))


def main() -> None:
    """Start a notifier, and another whenever it was killed; say which process it is."""
    from django.db import connections

    ask(int(sys.argv[1]))
    connections.close_all()
    while True:
        # To start Python anew for each would take most of the test's time.
        child = os.fork()
        if not child:
            notify()
        print(child, flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main()
