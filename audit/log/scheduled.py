"""Checking the whole ledger by turns, slowly beside everything else, against what was kept outside."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event

from django.db.models import Sum
from django.utils import timezone

from audit.custody import CustodyError
from audit.log import keeping
from audit.log.checking import check
from audit.models import LedgerChain, LedgerCheck
from audit.upkeep import turns
from audit.upkeep.pace import Pace, Stopped

logger = logging.getLogger(__name__)

TURN = "ledger check"
EVERY = timedelta(days=1)
AGAIN_AFTER_FAILURE = timedelta(minutes=10)
# Of a ledger that was written anew every entry is a finding.
_SHOWN = 200
_LONGEST = 1000
_CHECKS_KEPT = 100


def check_if_due(stop: Event) -> LedgerCheck | None:
    """Check the ledger if it is this process's turn; return what came of it, or None.

    Findings are said loudly in the process's log. Once ``stop`` is set it ends, and another process begins anew.
    """
    holder = turns.take(TURN)
    if not holder:
        return None
    now = timezone.now()
    entries = LedgerChain.objects.aggregate(all=Sum("size"))["all"] or 0
    row = LedgerCheck.objects.create(started_at=now, seen_at=now, entries=entries)
    due_at = now
    try:
        _check(row, holder, stop)
        due_at = now + EVERY
    except Stopped:
        row.failure = "The process that checked was stopped; another one begins anew."
    except turns.TurnLost:
        row.failure = "Another process took over."
    except CustodyError as error:
        row.failure, due_at = str(error), timezone.now() + AGAIN_AFTER_FAILURE
        logger.error("The ledger cannot be checked. %s", error)
    except Exception:
        row.failure, due_at = "It failed; the process's log says why.", timezone.now() + AGAIN_AFTER_FAILURE
        raise
    finally:
        row.seen_at = timezone.now()
        row.save()
        turns.end(TURN, holder, due_at=due_at)
        LedgerCheck.objects.exclude(pk__in=LedgerCheck.objects.values("pk")[:_CHECKS_KEPT]).delete()
    return row


def _check(row: LedgerCheck, holder: str, stop: Event) -> None:
    where = keeping.directory()
    outside = keeping.read_all(where) if where else keeping.Outside([], [])
    row.kept = len(outside.kept)

    def report(done: int) -> None:
        turns.keep(TURN, holder)
        row.done, row.seen_at = done, timezone.now()
        row.save()

    for fault in outside.faults:
        _found(row, fault)
    pace = Pace(stop, report)
    for finding in check(outside.kept, pace):
        _found(row, finding)
    if where and not row.found:
        # Only of what was found whole: nobody is to trust a past that was written anew.
        for fault in keeping.write_newest(where):
            _found(row, fault)
    row.done, row.finished_at = pace.done, timezone.now()
    if row.found:
        logger.error(
            "The ledger is NOT whole: %s findings. See the page /ledger/, or manage.py verify_ledger.", row.found
        )
    else:
        logger.info("The ledger is whole: %s entries, %s kept checkpoints.", row.entries, row.kept)


def _found(row: LedgerCheck, sentence: str) -> None:
    row.found += 1
    if len(row.findings) < _SHOWN:
        row.findings.append(sentence[:_LONGEST])
        logger.error("Ledger: %s", sentence[:_LONGEST])
