"""The Slack of the tests notes what Slack would refuse, at the documented limit; and nothing we say reaches one.

Limits: docs.slack.dev/reference/block-kit/blocks, .../block-elements/button-element, .../methods/chat.postMessage.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.notify.contracts import Deciding, Notice, NotificationEvent
from approvals.notify.slack import wording
from tests.approvals.test_notifying_mail import job
from tests.slack import FakeSlack

Blocks = list[dict[str, Any]]


def mrkdwn(length: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": "x" * length, "verbatim": True}


def plain(length: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": "x" * length, "emoji": False}


def section(length: int) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(length)}


def button(*, text: int = 1, url: int = 20, action_id: int = 1) -> dict[str, Any]:
    address = "https://a.example/".ljust(url, "x")
    return {"type": "button", "text": plain(text), "url": address, "action_id": "x" * action_id}


LIMITS: list[tuple[str, int, Callable[[int], Blocks]]] = [
    ("blocks", 50, lambda count: [section(1)] * count),
    ("header", 150, lambda length: [{"type": "header", "text": plain(length)}]),
    ("section", 3000, lambda length: [section(length)]),
    ("fields", 10, lambda count: [{"type": "section", "fields": [mrkdwn(1)] * count}]),
    ("field", 2000, lambda length: [{"type": "section", "fields": [mrkdwn(length)]}]),
    ("actions", 25, lambda count: [{"type": "actions", "elements": [button()] * count}]),
    ("context", 10, lambda count: [{"type": "context", "elements": [mrkdwn(1)] * count}]),
    ("context text", 3000, lambda length: [{"type": "context", "elements": [mrkdwn(length)]}]),
    ("button text", 75, lambda length: [{"type": "actions", "elements": [button(text=length)]}]),
    ("button url", 3000, lambda length: [{"type": "actions", "elements": [button(url=length)]}]),
    ("accessory url", 3000, lambda length: [{**section(1), "accessory": button(url=length)}]),
    ("action id", 255, lambda length: [{"type": "actions", "elements": [button(action_id=length)]}]),
]


def problems_of(*, text: str = "said", blocks: Blocks) -> list[str]:
    slack = FakeSlack()
    slack._check_message({"text": text, "blocks": blocks, **wording.QUIETLY, **wording.UNFURLS_NOTHING})
    return slack.problems


@pytest.mark.parametrize(("name", "limit", "made"), LIMITS, ids=[name for name, _, _ in LIMITS])
def test_each_documented_limit_is_the_limit(name: str, limit: int, made: Callable[[int], Blocks]) -> None:
    assert problems_of(blocks=made(limit)) == []
    assert problems_of(blocks=made(limit + 1)), f"{name} of {limit + 1}"


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [section(0)],
        [{"type": "section"}],
        [{"type": "header", "text": mrkdwn(1)}],
        [{"type": "image", "image_url": "https://a.example/x.png"}],  # and so no picture without an alternative text
        [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}],
        [{"type": "actions", "elements": [{**button(), "url": "javascript:x"}]}],
    ],
)
def test_what_slack_would_not_take_or_show_otherwise_is_noted(blocks: Blocks) -> None:
    assert problems_of(blocks=blocks)


@pytest.mark.parametrize(
    "text",
    ["", "x" * 4001, "<!channel>", "<@U0ADA>", "a & b", "&nbsp;", "*a* _b_", "`open", "https://evil.example", "@here"],
)
def test_what_mentions_links_or_formats_is_noted(text: str) -> None:
    assert problems_of(text=text, blocks=[section(1)])


# What Slack takes for something else than letters, in pieces that hypothesis puts together.
HOSTILE = st.sampled_from(
    [
        "<!channel>", "<!here|x>", "<@U0ADA>", "<#C0PAYMENTS>", "<https://evil.example|Approve>", "&lt;", "&amp;", "&",
        "<", ">", "`", "```", "*", "_", "~", ":smile:", "@channel", "#general", "https://evil.example", "\n> x", "\r",
        "\u202e", "\u2066", "\u200b", "\u2028", "\x00", "\ufeff", "שרה", "Q̷", "👩‍💻", "x" * 10_000,
        "<!date^1^{time}|now>",
    ]
)  # fmt: skip
NAMES = st.lists(st.one_of(HOSTILE, st.text(max_size=20)), max_size=12).map("".join)
PEOPLE = st.lists(NAMES, max_size=40).map(tuple)
NOW = datetime(2026, 11, 26, 3, 14, tzinfo=UTC)


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    names = {name: draw(NAMES) for name in ("tool", "service", "agent", "severity", "namespace")}
    kinds = st.sampled_from(["approve", "deny"])
    decided = tuple(Deciding(draw(kinds), draw(NAMES), NOW) for _ in range(draw(st.integers(0, 30))))
    event = draw(st.sampled_from(NotificationEvent))
    return dataclasses.replace(job().notice, **names, event=event, decided=decided, can_decide=draw(PEOPLE))


@settings(max_examples=60, deadline=None)
@given(notices())
def test_nothing_we_say_reaches_a_limit_or_is_more_than_letters(notice: Notice) -> None:
    slack = FakeSlack()
    slack._check_message({**wording.message(notice), **wording.QUIETLY, **wording.UNFURLS_NOTHING})
    if notice.event is not NotificationEvent.OPENED:
        thread = {"text": wording.milestone(notice), "thread_ts": "1.2"}
        slack._check_message({**thread, **wording.QUIETLY, **wording.UNFURLS_NOTHING})
    slack._check_blocks(wording.preview(notice)["blocks"])
    slack.take_response(wording.waiting([notice] * 10, 3))
    assert slack.problems == []
