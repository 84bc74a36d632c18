"""What comes with an activity: the approvals, and the request they are for. Whoever dispatched it wrote both."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import tenuo_core

from approvals.contracts import ReceiptRecord
from workers.gates import tenuo_internals

MAXIMUM_HEADER = 128 * 1024  # characters of base64: the receipt carries both headers, and must fit into the ledger
MAXIMUM_CLAIM = 2 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CLAIMED = {"display_digest", "policy_version", "request_id"}


@dataclass(frozen=True)
class Claim:
    """What the dispatcher says that an activity belongs to. Empty where it says nothing that can be read."""

    request_id: str = ""
    display_digest: bytes = b""
    policy_version: str = ""


@dataclass
class Dispatch:
    """What the gate knows of the activity being authorised in this task.

    ``verified`` is the warrant chain, root first, once this worker has let the call pass; until then it is empty.
    ``is_readable`` is False when approvals came in a form that the gate cannot read, though Tenuo might.
    """

    approvals: list[bytes]
    claim: Claim = Claim()
    is_readable: bool = True
    endorsements: list[bytes] = field(default_factory=list)
    allowed: ReceiptRecord | None = None
    stopped: ReceiptRecord | None = None
    refuse: Any = None
    verified: list[tenuo_core.Warrant] = field(default_factory=list)

    @property
    def request_id(self) -> str:
        return self.claim.request_id


current_dispatch: ContextVar[Dispatch | None] = ContextVar("countersign_dispatch", default=None)


def read_approvals(header: bytes | None) -> list[bytes] | None:
    """Return what is in Tenuo's header, or in ours of that form, as bytes; None if it is not in the one form of both.

    Tenuo reads other forms, too. What it reads and the gate does not, the gate could not check.
    """
    if not header:
        return []
    if len(header) > MAXIMUM_HEADER:
        return None
    try:
        approvals = [base64.b64decode(item, validate=True) for item in json.loads(header)]
    except (ValueError, TypeError, RecursionError):
        return None
    return approvals if json.dumps([base64.b64encode(data).decode() for data in approvals]).encode() == header else None


def read_claim(header: bytes) -> Claim:
    """Return what the request header says.

    Other or stranger fields are no claim of ours; a receipt that carried them could be too long to keep.
    """
    try:
        fields = json.loads(header) if len(header) <= MAXIMUM_CLAIM else None
    except (ValueError, RecursionError):
        return Claim()
    if not isinstance(fields, dict) or set(fields) != _CLAIMED or not all(isinstance(v, str) for v in fields.values()):
        return Claim()
    if not _REQUEST_ID.fullmatch(fields["request_id"]) or not _DIGEST.fullmatch(fields["display_digest"]):
        return Claim()
    return Claim(fields["request_id"], bytes.fromhex(fields["display_digest"]), fields["policy_version"])


def begin_dispatch(headers: Mapping[str, Any], request_header: str, endorsements_header: str) -> Dispatch:
    """Return what the headers of an activity say of its approvals and request, and of its approvers."""
    approvals = read_approvals(tenuo_internals.plain_headers(headers).get(tenuo_internals.APPROVALS_HEADER))
    carried = headers.get(endorsements_header)
    endorsements = read_approvals(carried.data) if carried is not None else []
    request = headers.get(request_header)
    return Dispatch(
        approvals=approvals or [],
        claim=read_claim(request.data) if request is not None else Claim(),
        is_readable=approvals is not None and endorsements is not None,
        endorsements=endorsements or [],
    )
