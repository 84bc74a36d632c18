"""Push in a real browser: what the service worker shows and opens, and how long the way from a lock screen takes.

Chromium cannot subscribe without its push service. What would arrive is handed to the worker by the DevTools protocol.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from approvals.notify.push import wording
from approvals.notify.push.services import subscribe
from audit.keys.push import ensure_push_key
from tests.approvals import factories
from tests.approvals.test_notifying_mail import job
from tests.browser.conftest import look
from tests.browser.test_asked_again_pages import signed_in
from tests.push_service import Subscribed

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

PASSWORD = "correct horse battery staple"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
THUMB = 44  # px, the least that a thumb hits
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  const shown = await registration.getNotifications();
  return shown.map(({title, body, tag, data}) => ({title, body, tag, path: data.path}));
}"""
# No protocol presses a notification. The worker's own listener gets what the browser would give it, and what it
# asks the browser to open is noted.
PRESS = """async (tag) => {
  const [notification] = await registration.getNotifications({tag});
  let opened = "";
  clients.openWindow = async (url) => { opened = url; return null; };
  const event = new NotificationEvent("notificationclick", {notification});
  let work;
  event.waitUntil = (given) => { work = given; };
  dispatchEvent(event);
  await work;
  return opened;
}"""


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    settings.SITE_ROOT = live_server.url
    return str(live_server.url)


class Pusher:
    """What the browser's push service would deliver."""

    def __init__(self, page: Page, origin: str) -> None:
        self._page, self._origin = page, origin
        self._devtools = page.context.new_cdp_session(page)
        self._ids: list[str] = []
        self.errors: list[str] = []
        self._devtools.on("ServiceWorker.workerRegistrationUpdated", self._note)
        self._devtools.on("ServiceWorker.workerErrorReported", lambda event: self.errors.append(str(event)))
        self._devtools.send("ServiceWorker.enable")

    def _note(self, event: dict[str, Any]) -> None:
        self._ids += [one["registrationId"] for one in event["registrations"]]

    def deliver(self, data: str) -> list[dict[str, str]]:
        """Deliver ``data``; return what is shown then."""
        before = self.shown()
        message = {"origin": self._origin, "registrationId": self._ids[-1], "data": data}
        # The first is lost now and then, it is not known why; a message may come twice.
        for _ in range(5):
            self._devtools.send("ServiceWorker.deliverPushMessage", message)
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                if (found := self.shown()) != before:
                    return found
        raise AssertionError("nothing was shown")

    def shown(self) -> list[dict[str, str]]:
        found = self._page.evaluate(SHOWN)
        assert isinstance(found, list)
        return found


def test_a_browser_is_told_and_what_is_pressed_opens_the_request(
    site: str,
    settings: Any,
    open_browser: Callable[..., BrowserContext],
    client: Client,
) -> None:
    settings.PUSH_CONTACT = "ops@countersign.example"
    ensure_push_key()
    ada = factories.approver("ada")
    allowed = Subscribed("https://fcm.googleapis.com/fcm/send/phone").fields
    subscribe(person=ada.person, browser="Chrome on Android", **allowed)
    asked = factories.open_request(ada)
    context = open_browser()
    page = signed_in(site, context, client, ada)
    page.goto(f"{site}/notifications/")
    assert page.evaluate("Notification.permission") != "granted", "nobody is asked before they press the button"
    context.grant_permissions(["notifications"], origin=site)
    pusher = Pusher(page, site)
    page.get_by_role("button", name="Tell this browser").click()
    expect(page.get_by_text("Your browser’s push service did not answer")).to_be_visible()
    look(page, "told-no-service")
    manifest = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert manifest["errors"] == []
    for icon in [*json.loads(manifest["data"])["icons"], {"src": "/static/icons/apple-touch-icon.png"}]:
        assert page.request.get(f"{site}{icon['src']}").headers["content-type"] == "image/png"

    notice = {"request_id": asked.pk, "url": f"{site}/approvals/{asked.pk}/"}
    pushed = wording.message(job(**notice).notice).body.decode()
    (shown,) = pusher.deliver(pushed)
    assert shown["title"] == "Decide: restart_service"
    assert (shown["tag"], shown["path"]) == (asked.pk, f"/approvals/{asked.pk}/")

    (worker,) = context.service_workers
    opened = worker.evaluate(PRESS, asked.pk)
    assert opened == f"{site}/approvals/{asked.pk}/"
    assert pusher.shown() == [], "what was pressed is gone"

    pusher.deliver(pushed)
    over = {**json.loads(pushed), "title": "Over, denied: restart_service", "over": True}
    (shown,) = pusher.deliver(json.dumps(over))
    assert shown["title"] == "Over, denied: restart_service", "one notification for each request"

    for path in (
        "https://evil.example/",
        "//evil.example/approvals/x/",
        "/approvals/../admin/",
        "javascript:alert(1)",
        7,
    ):
        pusher.deliver(json.dumps({**over, "tag": f"evil {path}", "path": path}))
        assert worker.evaluate(PRESS, f"evil {path}") == f"{site}/approvals/"
    pusher.deliver(json.dumps({**over, "tag": "other", "path": "/approvals/apr-with_both-9/"}))
    assert worker.evaluate(PRESS, "other") == f"{site}/approvals/apr-with_both-9/"
    assert "Something waits in Countersign" in {one["title"] for one in pusher.deliver("no JSON")}

    assert pusher.errors == []

    page.get_by_role("button", name="Remove Chrome on Android").click()
    expect(page.get_by_text("That browser is told no more.")).to_be_visible()
    page.goto(opened)
    expect(page.locator("h1")).to_contain_text("restart_service")
