"""The guarded tool of payments. What it may be called with is the warrant's business."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from temporalio import activity
from temporalio.exceptions import ApplicationError

from workers.payments.book import Book, BookError
from workers.payments.contracts import PaymentRecord

PAYMENT_FAILED = "PAYMENT_FAILED"


@activity.defn
async def execute_payment(payee: str, amount_cents: int, currency: str, reference: str) -> dict[str, Any]:
    """Pay once for each operation, however often this is tried; return the book's record."""
    payment_id = payment_id_of(activity.info().workflow_id or "")
    payment = PaymentRecord(payment_id, payee, amount_cents, currency, reference, paid_at_ms=0)
    try:
        return asdict(await asyncio.to_thread(book().pay, payment))
    except BookError as error:
        raise ApplicationError(str(error), type=PAYMENT_FAILED, non_retryable=True) from None


TOOLS: list[Callable[..., Any]] = [execute_payment]


def book() -> Book:
    """Return this installation's book."""
    return Book(settings.DATA_DIR / "payments")


def payment_id_of(workflow_id: str) -> str:
    """Return the id of the payment of one operation, which its workflow's id names."""
    return f"pay_{hashlib.sha256(workflow_id.encode()).hexdigest()[:20]}"
