"""A mail server on loopback that speaks SMTP, keeps what it takes, and fails as it is told to."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

HANG = "hang"  # says nothing more
DRIP = "drip"  # says a letter now and then, and never a line
DROP = "drop"  # hangs up


@dataclass
class SmtpServer:
    """``answers``: by command (``CONNECT``, ``RCPT``, ``DATA``, ``END`` after the mail, ``QUIT``), what is said instead
    of yes, each once. ``mails``: what was taken, whether or not the taking was told."""

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    taken: threading.Condition = field(default_factory=threading.Condition)
    conversations: int = 0
    # Called when a mail was taken, before that is answered.
    on_taken: Callable[[], None] = lambda: None

    def until(self, count: int, *, seconds: float = 20) -> None:
        """Wait until so many mails were taken."""
        with self.taken:
            assert self.taken.wait_for(lambda: len(self.mails) >= count, seconds), f"{len(self.mails)} of {count} mails"

    def next(self, command: str, otherwise: str) -> str:
        waiting = self.answers.get(command, [])
        return waiting.pop(0) if waiting else otherwise

    def take(self, data: bytes) -> None:
        with self.taken:
            self.mails.append(message_from_bytes(data, policy=policy.default))  # type: ignore[arg-type]
            self.taken.notify_all()
        self.on_taken()


@contextmanager
def serving() -> Iterator[SmtpServer]:
    """Run the server on a free port until the end."""
    own, over = SmtpServer(), threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            own.conversations += 1
            with suppress(OSError):
                self._converse()

        def _converse(self) -> None:
            if not self._say(own.next("CONNECT", "220 here")):
                return
            for line in self.rfile:
                command = line[:4].decode("ascii", "replace").upper().strip()
                otherwise = {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 yes")
                said = own.next(command, otherwise)
                if not self._say(said) or command == "QUIT":
                    return
                if command == "DATA" and said.startswith("354") and not self._take():
                    return

        def _take(self) -> bool:
            data = b"".join(iter(lambda: next(self.rfile), b".\r\n"))
            said = own.next("END", "250 taken")
            if not said.startswith(("4", "5")):
                own.take(data)
            return self._say(said)

        def _say(self, text: str) -> bool:
            if text in (HANG, DRIP):
                while not over.wait(0.05):
                    if text == DRIP:
                        self.wfile.write(b"2")
            if text in (HANG, DRIP, DROP):
                return False
            self.wfile.write(f"{text}\r\n".encode())
            return True

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        own.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield own
        finally:
            over.set()
            server.shutdown()
            thread.join()


def wait(is_so, *, seconds: float = 20) -> None:  # type: ignore[no-untyped-def]
    """Return when ``is_so``; rows tell nobody that they changed."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)
