"""The queue and a request as JSON, for programs. The fields are those of ``queries``; docs/api.md lists them.

Texts that come from an agent are given as they are: whoever shows them makes them safe.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from accounts.keys.queries import active_keys
from accounts.models import Person
from approvals.models import RequiredApprover
from approvals.requests.queries import Queue, RequestCard, RequestPage


def queue(shown: Queue, *, person: Person) -> dict[str, Any]:
    """Return the page of the queue. ``names`` are the fingerprints of the person's own keys that a card asks for."""
    asked = _own_keys_asked_for(person, [card.id for card in shown.cards])
    cards = [{**card_of(card), "names": sorted(asked.get(card.id, []))} for card in shown.cards]
    return {
        "cards": cards,
        "total": shown.total,
        "waiting": shown.waiting,
        "show": shown.show,
        "query": shown.query,
        "page": shown.page,
        "pages": shown.pages,
        "namespace": shown.namespace,
        "namespaces": list(shown.namespaces),
    }


def request(page: RequestPage) -> dict[str, Any]:
    """Return all that a person sees of one request; ``signing`` is what is verified and signed."""
    facts = {name: value for name, value in _fields(page).items() if name != "card"}
    return {"card": card_of(page.card), **facts}


def card_of(card: RequestCard) -> dict[str, Any]:
    return {**_fields(card), "url": card.url}


def _fields(shown: RequestCard | RequestPage) -> dict[str, Any]:
    return dataclasses.asdict(shown)


def _own_keys_asked_for(person: Person, request_ids: list[str]) -> dict[str, list[str]]:
    own = active_keys().filter(person=person).values("public_key")
    rows = RequiredApprover.objects.filter(approval_request__in=request_ids, public_key__in=own)
    found: dict[str, list[str]] = {}
    for request_id, key in rows.values_list("approval_request_id", "public_key"):
        found.setdefault(request_id, []).append(hashlib.sha256(bytes(key)).hexdigest())
    return found
