"""Temporal's own UI, as a person uses it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

PATIENCE_MS = 30_000  # the UI loads a history in several steps


def use_codec_server(page: Page, endpoint: str) -> None:
    """Set this browser's codec server in the dialog behind the glasses, with the session of whoever is signed in."""
    page.get_by_role("button", name="Codec Server").click()
    dialog = page.get_by_role("dialog", name="Codec Server")
    dialog.get_by_text("Use my browser setting and ignore Cluster-level setting.").click()
    dialog.get_by_label("Codec Server browser endpoint").fill(endpoint)
    dialog.get_by_text("Include cross-origin credentials").click()
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog).to_be_hidden()
    page.reload()
