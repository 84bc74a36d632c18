"""A model provider on loopback that speaks real HTTP: answers what a test tells it, keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Sent:
    path: str
    headers: dict[str, str]
    body: dict[str, object]


@dataclass
class FakeProvider:
    """``replies`` are (status, body) in order; the last one stays. A body is JSON, or bytes as they are."""

    replies: list[tuple[int, object]]
    url: str = ""
    sent: list[Sent] = field(default_factory=list)

    def next_reply(self) -> tuple[int, object]:
        return self.replies[min(len(self.sent), len(self.replies)) - 1]


@contextmanager
def fake_provider(*replies: tuple[int, object]) -> Iterator[FakeProvider]:
    provider = FakeProvider(list(replies))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            provider.sent.append(Sent(self.path, headers, body))
            status, reply = provider.next_reply()
            content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Location", f"{provider.url}/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a test reads what was sent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def anthropic_call(tool: str, arguments: object, text: str = "Because.") -> dict[str, object]:
    words = [{"type": "text", "text": text}] if text else []
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [*words, {"type": "tool_use", "id": "toolu_01A", "name": tool, "input": arguments}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def anthropic_words(text: str) -> dict[str, object]:
    return {"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}


def openai_call(tool: str, arguments: str, text: str | None = None) -> dict[str, object]:
    call = {"id": "call_abc123", "type": "function", "function": {"name": tool, "arguments": arguments}}
    message = {"role": "assistant", "content": text, "tool_calls": [call], "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
    }


def openai_words(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
