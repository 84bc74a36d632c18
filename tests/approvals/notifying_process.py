"""``python -m tests.approvals.notifying_process``: a notifier to be killed, and another whenever it was."""

from __future__ import annotations

import asyncio
import os

import django


def notify() -> None:
    from workers.development_server import die_with_parent
    from workers.notifier import keep_notifying

    die_with_parent()
    # So that the next process need not wait for what takes a minute.
    asyncio.run(keep_notifying(poll_seconds=0.05, lease_seconds=0.5))


def main() -> None:
    """Start a notifier, and another whenever it was killed; say which process it is."""
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
