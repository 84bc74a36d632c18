"""The Nexus service ``payments``, and what stands on both sides of it. Pure.

The finance agent runs in one namespace, payments in another. Neither can start the other's workflows, nor read what
they hold; they meet in the endpoint ``payments``, and in nothing but the fields below.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import nexusrpc

from workers.answers.contracts import Question

ENDPOINT = "payments"
PAYMENTS_TASK_QUEUE = "payments-nexus"
AGENT_TASK_QUEUE = "payments-agents"
POLICY, AGENT_POLICY = "payments", "payments-agent"
AGENT = "payments-agent"
TOOL = "execute_payment"


class PaymentStatus(StrEnum):
    """How an order ended."""

    PAID = "paid"
    DENIED = "denied"
    EXPIRED = "expired"  # nobody decided in time


@dataclass(frozen=True)
class PaymentOrder:
    """What is to be paid; the argument of ``start-payment``. The amount is in hundredths of the currency."""

    payee: str
    amount_cents: int
    currency: str
    reference: str
    reasoning: str


@dataclass(frozen=True)
class PaymentRecord:
    """One payment as the book has it: ``payment_id`` is made of the operation, so that it is paid once."""

    payment_id: str
    payee: str
    amount_cents: int
    currency: str
    reference: str
    paid_at_ms: int


@dataclass(frozen=True)
class PaymentResult:
    """What the asking side gets back. ``record`` is None unless it was paid, ``question`` if nobody had to be asked."""

    status: str  # PaymentStatus
    record: PaymentRecord | None = None
    question: Question | None = None


@dataclass(frozen=True)
class AdmittedPayment:
    """An order that payments took; ``asked_by`` is the id of the warrant under which it came."""

    order: PaymentOrder
    asked_by: str
    lifetime_seconds: int


@nexusrpc.service(name="payments")
class Payments:
    """The service of the payments team."""

    start_payment: nexusrpc.Operation[PaymentOrder, PaymentResult] = nexusrpc.Operation(name="start-payment")
