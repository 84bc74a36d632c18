"""A mail server on loopback that speaks real SMTP, and keeps what it is sent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy


@dataclass
class Mailbox:
    """``mails`` are whole: headers, then text, without their encodings."""

    port: int = 0
    mails: list[str] = field(default_factory=list)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Take mails for anybody until the end."""
    kept = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            for line in self.rfile:
                command = line[:4].upper().strip()
                if command == b"QUIT":
                    self._say("221 bye")
                    return
                if command == b"DATA":
                    self._say("354 go on")
                    kept.mails.append(_read(iter(self.rfile)))
                self._say("250 kept")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


def _read(lines: Iterator[bytes]) -> str:
    content = b"".join(iter(lambda: next(lines), b".\r\n"))
    message = message_from_bytes(content, policy=policy.default)
    headers = "".join(f"{name}: {value}\n" for name, value in message.items())
    return headers + "".join(part.get_content() for part in message.walk() if not part.is_multipart())
