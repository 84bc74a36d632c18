"""An endpoint that takes entries, and fails as it is told: a real HTTPS server on loopback."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.gateway.issuing import Authority


@dataclass
class Siem:
    """``answers`` are given to the next requests, (status, headers); then everything is taken."""

    port: int = 0
    scheme: str = "https"
    answers: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    lines: list[dict[str, Any]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/services/collector"

    @property
    def ids(self) -> list[str]:
        return [line["id"] for line in self.lines]

    def until(self, count: int, *, requests: int = 0) -> None:
        """Return when ``count`` lines and ``requests`` requests came."""
        with self.changed:
            came = self.changed.wait_for(lambda: len(self.lines) >= count and len(self.asked) >= requests, 20)
        assert came, f"{len(self.lines)} lines in {len(self.asked)} requests"


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        siem: Siem = self.server.siem
        data = self.rfile.read(int(self.headers["content-length"]))
        with siem.changed:
            siem.asked.append(time.monotonic())
            siem.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, headers = siem.answers.popleft() if siem.answers else (200, {})
            if 200 <= status < 300:
                assert data.endswith(b"\n")
                siem.batches.append(data.count(b"\n"))
                siem.lines += [json.loads(line) for line in data.splitlines()]
            siem.changed.notify_all()
        if status == DROP:
            self.connection.close()
            return
        if status == HANG:
            self.server.over.wait(20)
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


DROP, HANG = -1, -2


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that refuses our certificate is what some tests want


@contextmanager
def serving(directory: Path, authority: Authority | None) -> Iterator[Siem]:
    """Run the endpoint, with a certificate by ``authority``, or without TLS."""
    server = _Server(("127.0.0.1", 0), _Handler)
    siem = Siem(port=server.server_port, scheme="https" if authority else "http")
    server.siem, server.over = siem, threading.Event()  # type: ignore[attr-defined]
    if authority is not None:
        certified = authority.certify("siem")
        certificate, key = directory / "siem.pem", directory / "siem.key"
        certificate.write_bytes(certified.certificate)
        key.write_bytes(certified.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield siem
    finally:
        server.over.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()
