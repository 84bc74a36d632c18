"""An address that no browser could open stops the process at its start."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize("value", ["https://temporal.example.com", "http://localhost:8233/", "http://[::1]:8233"])
def test_an_address_is_taken(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TEMPORAL_UI", value)
    assert env.web_address("TEMPORAL_UI", "") == value


@pytest.mark.parametrize(
    "value",
    ["temporal.example.com", "ftp://x", "https://", "http://x:port", "http://x:99999", "http://x:0", "http://[::1"],
)
def test_what_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TEMPORAL_UI", value)
    with pytest.raises(ImproperlyConfigured, match="TEMPORAL_UI"):
        env.web_address("TEMPORAL_UI", "")
