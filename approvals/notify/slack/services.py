"""What is done when Slack asks for something, after Slack was answered."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from slack_sdk.errors import SlackApiError

from approvals.notify.channels import CHANNELS
from approvals.notify.slack import client as slack
from approvals.notify.slack import people, queries, transport, wording
from approvals.notify.trouble import note

LINKS_AT_ONCE = 5
_STRANGER = "Countersign knows nobody by the e-mail address of your Slack account. Ask whoever runs it."
_LATER = "Slack did not say who you are. Try again in a minute."


def unfurl(*, event: dict[str, Any]) -> None:
    """Give the links to requests in a message their previews. Writes nothing."""
    where = _where(event)
    links = event.get("links")
    urls = [link["url"] for link in links if _has_url(link)] if isinstance(links, list) else []
    previews = {url: _preview(url, str(event.get("channel"))) for url in urls[:LINKS_AT_ONCE] if _is_ours(url)}
    if previews and where:
        slack.client().chat_unfurl(unfurls=previews, **where)


def list_waiting(*, slack_id: str, response_url: str) -> None:
    """Tell whoever typed ``/countersign`` what waits for them, where nobody else sees it."""
    if slack.is_slack(response_url):
        slack.respond(response_url, _waiting(slack_id))


def shut_out(*, code: str) -> None:
    """Write down that the app was removed or its tokens were revoked, as Slack says; the next message shows."""
    note(channel=CHANNELS["slack"], answer=transport.refusal(code), now=timezone.now())


def _waiting(slack_id: str) -> dict[str, Any]:
    try:
        person = people.person_of(slack.client(), slack_id)
    except (SlackApiError, *slack.NO_ANSWER):
        return wording.ephemeral(_LATER)
    if person is None:
        return wording.ephemeral(_STRANGER)
    return wording.waiting(*queries.waiting_for(person))


def _preview(url: str, channel: str) -> dict[str, Any]:
    notice = queries.previewed(queries.linked_request(url) or "", channel)
    return wording.preview(notice) if notice else wording.empty_preview()


def _is_ours(url: str) -> bool:
    return queries.linked_request(url) is not None


def _has_url(link: object) -> bool:
    return isinstance(link, dict) and isinstance(link.get("url"), str)


def _where(event: dict[str, Any]) -> dict[str, Any]:
    """Return the message with the links, as Slack names it: one that is sent, or one that is being written."""
    names = ("unfurl_id", "source") if event.get("unfurl_id") else ("channel", "message_ts")
    found = {name.removeprefix("message_"): event.get(name) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, str)} if all(found.values()) else {}
