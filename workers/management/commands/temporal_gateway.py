"""``manage.py temporal_gateway``: access control in front of a Temporal server that has none."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workers.errors import StartFailed
from workers.gateway.server import GatewaySettings, serve


class Command(BaseCommand):
    help = (
        "Stand in front of a Temporal server that has no access control of its own: every call needs a token with "
        "rights in its namespace, and leaves a line in the audit log. See docs/governance-gateway.md."
    )

    # They are of a site, whose secrets a gateway does not need and should not have.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(serve(GatewaySettings.from_settings()))
        except StartFailed as error:
            raise CommandError(str(error)) from None
