"""A policy that makes approving slow, at the command line: it waits, asks, and denies at once."""

from __future__ import annotations

import time

import pytest

from accounts.models import ApproverKey
from approvals.contracts import RequestState
from approvals.models import ApprovalRequest, Decision, Opening
from tests.approvals.factories import ARGUMENTS
from tests.cli.conftest import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.either_database]
Enrolled = tuple[Desk, ApproverKey]
READING_SECONDS = 4


def slow_request(desk: Desk, key: ApproverKey) -> ApprovalRequest:
    asked = desk.open_request(key)
    asked.reading_seconds, asked.confirm_text = READING_SECONDS, ARGUMENTS["service"]
    asked.save()
    return asked


def test_approving_waits_and_takes_what_is_typed(enrolled: Enrolled) -> None:
    desk, key = enrolled
    asked = slow_request(desk, key)
    for options, sentence in (
        ((), "Nobody is there to type it. Run this at a terminal, or use --confirm."),
        (("--confirm", "Payment-Service-Prod"), "That is not what the policy asks you to type. Nothing was signed."),
    ):
        ended = desk.terminal.decide("approve", asked.pk, *options)
        assert (ended.code, ended.errors.splitlines()[-1]) == (1, sentence)
    assert not Decision.objects.exists()
    Opening.objects.all().delete()
    begun = time.monotonic()
    ended = desk.terminal.decide("approve", asked.pk, "--confirm", ARGUMENTS["service"])
    assert ended, ended.errors
    assert time.monotonic() - begun > READING_SECONDS
    assert f"The policy asks for time to read: {READING_SECONDS} seconds left." in ended.output
    asked.refresh_from_db()
    assert asked.state == RequestState.APPROVED


def test_showing_begins_the_time_to_read_and_denying_needs_none(enrolled: Enrolled) -> None:
    desk, key = enrolled
    asked = slow_request(desk, key)
    assert desk.terminal.run("show", asked.pk)
    assert Opening.objects.get().person == desk.ada
    Opening.objects.all().delete()
    ended = desk.terminal.decide("deny", asked.pk, "--reason", "No.")
    assert ended, ended.errors
    assert "time to read" not in ended.output
