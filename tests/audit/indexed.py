"""Stories on file and in the index, as the processes would have put them there."""

from __future__ import annotations

from typing import Any

from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.log.services import integrate
from audit.models import LedgerChain
from audit.search.indexing import index
from tests.audit.evidence import Evidence, approved_story
from tests.audit.test_export import on_file


def keys() -> dict[str, Any]:
    return {purpose: private_key_of(ensure_service_key(purpose=purpose)) for purpose in ("ledger", "receipts")}


def indexed(story: Evidence | None = None, *, namespace: str = "payments") -> Evidence:
    """Write ``story``, by default the one in which a person approves, as an incident of ``namespace``."""
    story = story or approved_story(**keys())
    LedgerChain.objects.create(name=story.chain, label="P1042", namespace=namespace)
    on_file(story)
    take()
    return story


def take() -> int:
    """Let everything come into its log, and from there into the index."""
    integrate()
    return index()
