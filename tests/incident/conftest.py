"""Fixtures of the incident agent's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from workers.incident.activities import estate
from workers.incident.estate import Estate


@pytest.fixture
def own_estate(settings: Settings, tmp_path: Path) -> Estate:
    """An estate that nobody has touched, used by every tool of this test."""
    settings.DATA_DIR = tmp_path
    return estate()
