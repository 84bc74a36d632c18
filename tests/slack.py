"""A Slack on loopback: checks what it is sent against Slack's documented limits, keeps it, and fails as it is told to.

Limits: docs.slack.dev/reference/block-kit/blocks, .../methods/chat.postMessage, .../messaging/formatting-message-text.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

TEAM = "T0TEAM"
TOKEN = "xoxb-1234-a-token-of-the-tests"
SECRET = "a signing secret of the tests"
CHANNEL = "C0PAYMENTS"
HANG, DRIP, DROP = "hang", "drip", "drop"
# The only control sequence that a message of ours has: a time by the reader's clock.
_DATE = re.compile(r"<!date\^\d+\^\{time\}\|\d\d:\d\d UTC>")
_ENTITY = re.compile(r"&(amp|lt|gt);")
_QUOTED = re.compile(r"`[^`\n]+`")
# What Slack makes bold, italic, struck out, an emoji, a mention or a link outside of backticks.
_FORMATS = re.compile(r"[_~@#]|:[a-z0-9+-]+:|https?://|www\.|\*{2}")


@dataclass
class Message:
    """One message as people see it: ``replies`` are its thread, ``edits`` what it was before."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    edits: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """Every text of the message."""
        return "\n".join(texts_of(self.blocks))

    @property
    def link(self) -> str:
        """Where its one button leads."""
        (url,) = [one["url"] for block in self.blocks if block["type"] == "actions" for one in block["elements"]]
        return str(url)


@dataclass
class FakeSlack:
    """``answers``: by method, what is answered instead, each once: an error code, a status with headers, or a fault.

    ``people``: id by address. ``problems``: what no Slack would have taken. ``calls``: method and arguments.
    """

    port: int = 0
    answers: dict[str, list[Any]] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unfurls: list[dict[str, Any]] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)
    # Called when something was taken, before that is answered.
    on_taken: Callable[[], None] = lambda: None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def response_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/commands/1/2"

    def reset(self) -> None:
        for kept in (self.answers, self.people, self.messages, self.calls, self.unfurls, self.responses):
            kept.clear()  # type: ignore[attr-defined]
        assert self.problems == []

    def until(self, is_so: Any, *, seconds: float = 20) -> None:
        """Wait until ``is_so`` of what was taken."""
        with self.changed:
            assert self.changed.wait_for(is_so, seconds), [method for method, _ in self.calls]

    def to(self, channel: str) -> list[Message]:
        return [message for message in self.messages if message.channel == channel]

    def everything(self) -> str:
        """Return all that Slack was ever told, as text."""
        return json.dumps([self.calls, self.responses])

    # --- The methods ---

    def call(self, method: str, sent: dict[str, Any], token: str) -> dict[str, Any]:
        self.calls.append((method, sent))
        if token != TOKEN:
            return {"ok": False, "error": "invalid_auth"}
        handle = getattr(self, "_" + method.replace(".", "_"), None)
        return handle(sent) if handle else {"ok": False, "error": "unknown_method"}

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team_id": TEAM, "team": "Acme", "user_id": "U0BOT", "url": "https://acme.slack.com/"}

    def _chat_postMessage(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        self._check_message(sent)
        known = set(self.people.values())
        channel = sent["channel"]
        if channel.startswith("U") and channel not in known:
            return {"ok": False, "error": "channel_not_found"}
        if channel.startswith("C") and not channel.startswith("C0"):
            return {"ok": False, "error": "channel_not_found"}
        place = f"D{channel[1:]}" if channel.startswith("U") else channel
        if thread := sent.get("thread_ts"):
            parent = self._message(place, thread)
            if parent is None:
                return {"ok": False, "error": "thread_not_found"}
            parent.replies.append(sent["text"])
            return {"ok": True, "channel": place, "ts": f"{thread}9"}
        made = Message(place, f"1790000000.{len(self.messages):06}", sent["text"], sent.get("blocks", []))
        self.messages.append(made)
        return {"ok": True, "channel": place, "ts": made.ts, "message": {"text": made.text}}

    def _chat_update(self, sent: dict[str, Any]) -> dict[str, Any]:
        self._check_message(sent)
        found = self._message(sent["channel"], sent["ts"])
        if found is None:
            return {"ok": False, "error": "message_not_found"}
        found.edits.append(found.shown)
        found.text, found.blocks = sent["text"], sent["blocks"]
        return {"ok": True, "channel": found.channel, "ts": found.ts}

    def _chat_unfurl(self, sent: dict[str, Any]) -> dict[str, Any]:
        made = sent["unfurls"]
        for unfurl in made.values():
            self._check_blocks(unfurl["blocks"])
        self.unfurls.append(sent)
        return {"ok": True}

    def _users_lookupByEmail(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        found = self.people.get(sent["email"].lower())
        return (
            {"ok": True, "user": account(found, sent["email"])} if found else {"ok": False, "error": "users_not_found"}
        )

    def _users_info(self, sent: dict[str, Any]) -> dict[str, Any]:
        for email, found in self.people.items():
            if found == sent["user"]:
                return {"ok": True, "user": account(found, email)}
        return {"ok": False, "error": "user_not_found"}

    def _message(self, channel: str, ts: str) -> Message | None:
        return next((one for one in self.messages if (one.channel, one.ts) == (channel, ts)), None)

    def take_response(self, sent: dict[str, Any]) -> None:
        """Take an answer to a command."""
        self._need(sent.get("response_type") == "ephemeral", "an answer that others see")
        self._check_markup(sent["text"])
        if "blocks" in sent:
            self._check_blocks(sent["blocks"])
        self.responses.append(sent)

    # --- What Slack would refuse, or show otherwise than it was meant ---

    def _check_message(self, sent: dict[str, Any]) -> None:
        self._need(0 < len(sent.get("text", "")) <= 4000, "text is missing, or longer than may be changed later")
        self._need(sent.get("parse") == "none", "parse")
        self._need(sent.get("link_names") in ("0", False), "link_names")
        if "ts" not in sent:
            self._need(sent.get("unfurl_links") in ("0", False), "unfurl_links")
            self._need(sent.get("unfurl_media") in ("0", False), "unfurl_media")
        self._check_markup(sent.get("text", ""))
        if "blocks" in sent or "thread_ts" not in sent:
            self._check_blocks(sent.get("blocks", []))

    def _check_blocks(self, blocks: list[dict[str, Any]]) -> None:
        self._need(1 <= len(blocks) <= 50, f"{len(blocks)} blocks")
        for block in blocks:
            self._need(block["type"] in ("header", "section", "actions", "context"), f"type {block['type']}")
            self._need("text" in block or "fields" in block or block["type"] != "section", "an empty section")
            self._need(1 <= len(block.get("fields", [0])) <= 10, "fields")
            self._need(len(block.get("elements", [])) <= (25 if block["type"] == "actions" else 10), "elements")
            limit = 150 if block["type"] == "header" else 3000
            if "text" in block:
                self._check_text(block["text"], limit)
                self._need(block["type"] != "header" or block["text"]["type"] == "plain_text", "a header's markup")
            for one in block.get("fields", []):
                self._check_text(one, 2000)
            for element in [*block.get("elements", []), *filter(None, [block.get("accessory")])]:
                self._check_element(element)

    def _check_element(self, element: dict[str, Any]) -> None:
        if element["type"] != "button":
            self._check_text(element, 3000)
            return
        self._check_text(element["text"], 75)
        self._need(element["text"]["type"] == "plain_text", "a button's markup")
        self._need(len(element["action_id"]) <= 255, "action_id")
        self._need(len(element["url"]) <= 3000 and element["url"].startswith("http"), "url")

    def _check_text(self, text: dict[str, Any], limit: int) -> None:
        self._need(1 <= len(text["text"]) <= limit, f"{len(text['text'])} of {limit} characters")
        if text["type"] == "plain_text":
            self._need(text.get("emoji") is False, "emoji")
            self._need(not re.search(r"[<>]", text["text"]), text["text"])
        else:
            self._need(text["type"] == "mrkdwn" and text.get("verbatim") is True, "verbatim")
            self._check_markup(text["text"])

    def _check_markup(self, text: str) -> None:
        bare = _DATE.sub("", text)
        self._need(not re.search(r"[<>]|&(?!(amp|lt|gt);)", bare), f"unescaped: {text}")
        ours = _ENTITY.sub("", _QUOTED.sub("", bare))
        self._need("`" not in ours, f"an open backtick: {text}")
        self._need(not _FORMATS.search(ours), f"formats: {text}")

    def _need(self, is_so: bool, what: str) -> None:
        if not is_so:
            self.problems.append(what)


def account(slack_id: str, email: str, **changes: Any) -> dict[str, Any]:
    """Return an account as Slack describes one."""
    return {"id": slack_id, "team_id": TEAM, "deleted": False, "is_bot": False, "profile": {"email": email}, **changes}


def texts_of(found: Any) -> list[str]:
    """Return every text in ``found``."""
    if isinstance(found, dict):
        own = [found["text"]] if isinstance(found.get("text"), str) else []
        return own + [text for value in found.values() for text in texts_of(value)]
    return [text for one in found for text in texts_of(one)] if isinstance(found, list) else []


def signed(body: bytes, *, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """Return the headers under which Slack sends ``body``."""
    when = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), b"v0:" + when.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": when, "X-Slack-Signature": f"v0={mac}"}


def event(kind: str, **fields: Any) -> bytes:
    """Return a request of the Events API."""
    return json.dumps(
        {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": {"type": kind, **fields}}
    ).encode()


def command(user: str, response_url: str, **changes: str) -> bytes:
    """Return a request of the slash command."""
    fields = {"team_id": TEAM, "user_id": user, "command": "/countersign", "text": "", "response_url": response_url}
    return urlencode({**fields, **changes}).encode()


@contextmanager
def serving() -> Iterator[FakeSlack]:
    """Run the server on a free port until the end."""
    own = FakeSlack()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with suppress(OSError):
                self._take(self.rfile.read(int(self.headers["Content-Length"])))

        def _take(self, body: bytes) -> None:
            if self.path.startswith("/commands/"):
                with own.changed:
                    own.take_response(json.loads(body))
                    own.changed.notify_all()
                self._answer(200, b"ok")
                return
            method = self.path.removeprefix("/api/")
            waiting = own.answers.get(method) or own.answers.get("*") or []
            said = waiting.pop(0) if waiting else None
            if isinstance(said, tuple):
                status, headers, content = said
                self._note(method)
                self._answer(status, content, **headers)
            elif said in (HANG, DRIP, DROP):
                self._note(method)
                self._fail(said)
            elif said is not None and not said.startswith("then "):
                self._note(method)
                self._answer(200, json.dumps({"ok": False, "error": said}).encode())
            else:
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                with own.changed:
                    answer = own.call(method, _arguments(self.headers["Content-Type"], body), token)
                    own.changed.notify_all()
                own.on_taken()
                if said == "then drop":
                    self._fail(DROP)
                else:
                    self._answer(200, json.dumps(answer).encode())

        def _note(self, method: str) -> None:
            with own.changed:
                own.calls.append((method, {}))
                own.changed.notify_all()

        def _fail(self, how: str) -> None:
            self.close_connection = True
            while how != DROP and not own.over.wait(0.05):
                if how == DRIP:
                    self.wfile.write(b"H")

        def _answer(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests look at what was sent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    own.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield own
    finally:
        own.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
        assert own.problems == [], own.problems


def _arguments(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type.startswith("application/json"):
        sent: dict[str, Any] = json.loads(body)
        return sent
    fields = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    return {
        name: json.loads(value) if name in ("blocks", "unfurls", "metadata") else value
        for name, value in fields.items()
    }
