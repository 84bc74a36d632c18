"""The payment's demo ends by itself, as ``make demo-payment`` runs it."""

from __future__ import annotations

import re

import pytest

from tests.prepared import prepare
from tests.workers.processes import Installation

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(300)]


def test_two_programs_approve_a_payment_and_both_sides_evidence_verifies(tmp_path):
    prepare(tmp_path)
    installation = Installation(tmp_path)
    code, output = installation.run("demo", "--payment", timeout=250)
    assert code == 0, output
    assert re.search(r"Paid 1 time: pay_[0-9a-f]{20}, 12,500\.00 EUR", output), output
    assert output.count("$ python -m audit.verify") == 2
    assert installation.processes() == []
