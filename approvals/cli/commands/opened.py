"""A request as two commands open it: fetched, recomputed, and compared with Temporal's history when asked to."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

from approvals.cli.commands.options import temporal_access
from approvals.cli.failures import SiteRefused
from approvals.cli.history import Difference, differences, read_history
from approvals.cli.patience import begin_reading
from approvals.cli.review import Examination, examine
from approvals.cli.visit import Visit, request_path


@dataclass(slots=True)
class OpenedRequest:
    """``page`` is what the site says; ``found`` was computed here; ``differences`` are with the history.

    ``seconds_ago`` is since when this person has had the request before them, as the site says.
    """

    page: dict[str, Any]
    found: Examination
    seconds_ago: float
    was_compared: bool = False
    differences: list[Difference] = field(default_factory=list)


async def open_request(
    visit: Visit, options: argparse.Namespace, *, roots: list[bytes], own_key: bytes | None, external_id: str
) -> OpenedRequest:
    """Fetch and examine the request that ``options`` names. Raises ``CannotGoOn``."""
    page = await visit.read(request_path(options.request))
    if page.get("hides_content") is True:
        raise SiteRefused(
            "You may not see what this request holds. Approvers, auditors, security administrators and payload readers "
            "of its namespace do."
        )
    found = examine(page.get("signing"), pinned_roots=roots, own_key=own_key)
    claim = found.claim
    if claim is not None:
        found.add(
            "identity",
            "request_id",
            claim.binding.request_id == options.request,
            "The site answered with the request that was asked for.",
            "The site answered with another request than the one that was asked for.",
        )
        found.add(
            "person",
            "external_id",
            claim.external_id == external_id,
            "The decision is in the name of the person who signed in here.",
            "The site wants this signed in another person's name.",
        )
    opened = OpenedRequest(page, found, await begin_reading(visit, options.request))
    access = temporal_access(options)
    if access is not None:
        if claim is None:
            raise SiteRefused("The site does not say which workflow this is, so there is no history to compare with.")
        opened.differences = differences(page.get("signing"), found.display, await read_history(access, claim))
        opened.was_compared = True
    return opened
