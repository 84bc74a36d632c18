"""Fixtures of the approvals room."""

from __future__ import annotations

import pytest

from approvals.models import ApprovalRequest
from tests.approvals import factories
from tests.approvals.factories import Approver


@pytest.fixture
def ada(db: None) -> Approver:
    return factories.approver("ada")


@pytest.fixture
def grace(db: None) -> Approver:
    return factories.approver("grace")


@pytest.fixture
def waiting(ada: Approver) -> ApprovalRequest:
    """An open request that asks for Ada."""
    return factories.open_request(ada)
