"""What comes with an activity: the approvals, and the request they are for. Whoever dispatched it wrote both."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from approvals.contracts import ReceiptRecord
from workers.gates import tenuo_internals

MAXIMUM_HEADER = 128 * 1024  # characters of base64: the receipt carries both headers, and must fit into the ledger
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass
class Dispatch:
    """What the gate knows of the activity being authorised in this task.

    ``is_readable`` is False when approvals came in a form that the gate cannot read, though Tenuo might.
    """

    approvals: list[bytes]
    request_id: str
    is_readable: bool = True
    endorsements: list[bytes] = field(default_factory=list)
    allowed: ReceiptRecord | None = None
    gated: ReceiptRecord | None = None
    refuse: Any = None


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


def begin_dispatch(headers: Mapping[str, Any], request_header: str, endorsements_header: str) -> Dispatch:
    """Return what the headers of an activity say of its approvals and request, and of its approvers."""
    approvals = read_approvals(tenuo_internals.plain_headers(headers).get(tenuo_internals.APPROVALS_HEADER))
    carried = headers.get(endorsements_header)
    endorsements = read_approvals(carried.data) if carried is not None else []
    request = headers.get(request_header)
    claimed = request.data.decode("ascii", errors="replace") if request is not None else ""
    return Dispatch(
        approvals=approvals or [],
        # Longer or stranger ones are no request of ours; a receipt that carried them could be too long to keep.
        request_id=claimed if _REQUEST_ID.fullmatch(claimed) else "",
        is_readable=approvals is not None and endorsements is not None,
        endorsements=endorsements or [],
    )
