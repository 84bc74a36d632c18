"""``manage.py outbox``: which decisions wait for Temporal, for how long, and why."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from approvals.agent_text import visible
from approvals.delivery.queries import LATE, backlog, oldest, why_undelivered

SHOWN = 20


class Command(BaseCommand):
    help = "Show the decisions that wait for delivery. Exit code 1 if one waits for longer than it should."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(visible(backlog().sentence))
        now = timezone.now()
        for delivery in oldest(SHOWN):
            waits, why = int((now - delivery.created_at).total_seconds()), why_undelivered(delivery, now)
            self.stdout.write(visible(f"  {delivery.approval_request_id}  {waits} s, because {why}."))
        if backlog(older_than=LATE).waiting:
            sys.exit(1)
