"""Fixtures of the approvals room."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import ApprovalRequest
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable


@pytest.fixture
def ada(db: None) -> Approver:
    return reachable(factories.approver("ada"))


@pytest.fixture
def grace(db: None) -> Approver:
    return reachable(factories.approver("grace"))


@pytest.fixture
def waiting(ada: Approver) -> ApprovalRequest:
    """An open request that asks for Ada."""
    return factories.open_request(ada)


@pytest.fixture
def mail(settings: Any) -> None:
    """Mail is set up; nobody sends it."""
    settings.EMAIL_HOST = "127.0.0.1"
