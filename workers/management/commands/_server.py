"""What commands that set up a Temporal server begin with."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError
from temporalio.client import Client

from workers.client import connect_without_rings


async def reach_server() -> Client:
    """Return a client for ``TEMPORAL_ADDRESS``, or for the development server of this installation.

    Raises ``CommandError`` if none answers.
    """
    address = settings.TEMPORAL_ADDRESS or f"127.0.0.1:{settings.TEMPORAL_DEVELOPMENT_PORT}"
    try:
        return await connect_without_rings(address=address)
    except RuntimeError as error:
        raise CommandError(f"No Temporal server answers at {address} ({error}). Start it, then try again.") from None
