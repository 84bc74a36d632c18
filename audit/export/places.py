"""Before evidence is written, its entries need their places in the logs."""

from __future__ import annotations

import time
from collections.abc import Collection

from audit.log.errors import LogBroken, NotInLog
from audit.log.services import integrate
from audit.models import PendingLeaf

# Another process may be at the log; it is done in a fraction of this. Seconds.
_PATIENCE, _PAUSE = 10.0, 0.05


def give_places(namespaces: Collection[str]) -> None:
    """Give every entry of ``namespaces``, and of the service's own chains, that waits now its place in its log.

    Raises ``LogBroken`` if their log takes no more, ``NotInLog`` if another process holds it for long, and
    ``CustodyError``.
    """
    newest = PendingLeaf.objects.order_by("-pk").values_list("pk", flat=True).first()
    waiting = PendingLeaf.objects.filter(pk__lte=newest or 0, entry__chain__namespace__in={*namespaces, ""})
    latest = time.monotonic() + _PATIENCE
    while waiting.exists():
        try:
            integrate()
        except LogBroken:
            # Of a log that nothing here is in, it does not matter.
            if waiting.exists():
                raise
            return
        if waiting.exists():
            if time.monotonic() > latest:
                raise NotInLog("Entries wait for their place in the log, which another process holds. Try again.")
            time.sleep(_PAUSE)
